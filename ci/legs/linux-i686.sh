# SPDX-License-Identifier: MIT
# The leg linux-i686: 32 bits, which 64-bit kernels run as they are. Sourced by ci/run-leg.sh.
groups+=(cross i686)

leg_prepare() {
  ci/cross-deps.sh "$preset" linux-i686
}

# A kernel may run no 32-bit programs, in some virtual machines for want of the processor's mode for them.
leg_begin_tests() {
  local status=0
  "$build/tests/helpers/procpool_helper_tests" --gtest_list_tests >/dev/null || status=$?
  ((status != 126)) || { echo "leg $preset: this kernel runs no 32-bit programs"; return 1; }  # 126: of bash, "cannot execute"
}
