# SPDX-License-Identifier: MIT
# The leg linux-i686: 32 bits, which most 64-bit kernels run as they are. Where the kernel does not (some virtual machines
# lack the processor's mode for it), qemu runs the same tests as in the leg linux-aarch64. Sourced by ci/run-leg.sh.
source ci/legs/parts/qemu.sh
groups+=(cross i686)
rule=procpool-i686

leg_install() {
  ci/install-deps.sh "${groups[@]}" || return 1
  if [[ -e $binfmt/$rule ]] || ! /usr/i686-linux-gnu/lib/ld-linux.so.2 --version >/dev/null 2>&1; then
    echo "leg $preset: this kernel runs no 32-bit programs, so qemu does"
    ci/install-deps.sh qemu || return 1
    under_qemu=yes
  fi
}

leg_prepare() {
  ci/cross-deps.sh "$preset" linux-i686
}

# The rule: how ELF files of 32 bits for this processor begin, position-independent or not, whatever system they name.
leg_begin_tests() {
  [[ -n ${under_qemu:-} ]] || return 0
  export PROCPOOL_TEST_NO_SIGNALS_IN_FORKS="qemu-i386 7.2 leaves a thread with another thread's variables after a signal"
  ctest_options+=(-j 2 -R "$tests_under_qemu")
  emulate $rule ":$rule:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00:\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-i386-static:OPF"
}
