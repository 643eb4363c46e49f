# SPDX-License-Identifier: MIT
# The leg linux-musl: static programs with the C library musl and libc++, by zig. Sourced by ci/run-leg.sh.
groups+=(cross zig)

leg_prepare() {
  ci/zig-deps.sh x86_64-linux-musl && ci/cross-deps.sh "$preset" zig -DPROCPOOL_ZIG_TARGET=x86_64-linux-musl
}
