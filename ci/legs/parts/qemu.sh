# SPDX-License-Identifier: MIT
# For legs whose programs qemu-user runs: the tests of procpool's parts, the conformance suite and an example. Sourced by
# them.
binfmt=/proc/sys/fs/binfmt_misc
tests_under_qemu='procpool_(channel|dispatcher|supervision|unit|conformance|large_message|option)_tests|quickstart'  # as of the preset linux-aarch64

# emulate NAME RULE: workers are programs that such a program executes, so the kernel must know whom to ask for those. The
# rule is in the kernel's own format.
emulate() {
  export PROCPOOL_TEST_NO_STATUS_OF_CRASHES="qemu 7.2 ends itself (cpu == current_cpu) where a worker crashes"
  local root=()
  ((EUID == 0)) || root=(sudo)
  [[ -e $binfmt/register ]] || "${root[@]}" mount -t binfmt_misc binfmt_misc "$binfmt" || return 1
  [[ -e $binfmt/$1 ]] || "${root[@]}" tee "$binfmt/register" <<<"$2" >/dev/null
}
