# SPDX-License-Identifier: MIT
# The leg macos-x64: everything for macOS on Intel, compiled and linked by zig. Sourced by ci/run-leg.sh.
groups+=(cross zig)
leg_only_built="no macOS here"

leg_prepare() {
  ci/zig-deps.sh x86_64-macos && ci/cross-deps.sh "$preset" zig -DPROCPOOL_ZIG_TARGET=x86_64-macos
}
