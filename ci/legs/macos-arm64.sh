# SPDX-License-Identifier: MIT
# The leg macos-arm64: everything for macOS on Apple silicon, compiled and linked by zig. Sourced by ci/run-leg.sh.
groups+=(cross zig)
leg_only_built="no macOS here"

leg_prepare() {
  ci/zig-deps.sh aarch64-macos && ci/cross-deps.sh "$preset" zig -DPROCPOOL_ZIG_TARGET=aarch64-macos
}
