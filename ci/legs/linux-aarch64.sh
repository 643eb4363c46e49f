# SPDX-License-Identifier: MIT
# The leg linux-aarch64: run by qemu, one program for many tests: those of the parts, the conformance suite, and an example.
# Sourced by ci/run-leg.sh.
groups+=(cross aarch64)

leg_prepare() {
  ci/cross-deps.sh "$preset" linux-aarch64
}

# Workers are programs that a program of ARM's executes: the kernel must know whom to ask for those (binfmt_misc).
leg_begin_tests() {
  local binfmt=/proc/sys/fs/binfmt_misc root=()
  ((EUID == 0)) || root=(sudo)
  [[ -e $binfmt/register ]] || "${root[@]}" mount -t binfmt_misc binfmt_misc "$binfmt" || return 1
  [[ -e $binfmt/qemu-aarch64 ]] || "${root[@]}" tee "$binfmt/register" </usr/lib/binfmt.d/qemu-aarch64.conf >/dev/null || return 1
  export PROCPOOL_TEST_NO_STATUS_OF_CRASHES="qemu 7.2 ends itself (cpu == current_cpu) where a worker crashes"
}
