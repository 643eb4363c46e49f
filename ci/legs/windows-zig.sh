# SPDX-License-Identifier: MIT
# The leg windows-zig: a second compiler for Windows, Clang with libc++ by zig, run under Wine as the leg windows-mingw
# is. Sourced by ci/run-leg.sh.
source ci/legs/windows-mingw.sh
groups=(build test cross zig wine)
export PROCPOOL_TEST_FEW_POOLS="a thousand pools take minutes, and the leg windows-mingw makes them"

leg_prepare() {
  ci/zig-deps.sh x86_64-windows-gnu && ci/cross-deps.sh "$preset" zig -DPROCPOOL_ZIG_TARGET=x86_64-windows-gnu
}
