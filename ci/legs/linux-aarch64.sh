# SPDX-License-Identifier: MIT
# The leg linux-aarch64: run by qemu, one program for many tests: those of the parts, the conformance suite, and an example.
# Sourced by ci/run-leg.sh.
source ci/legs/parts/qemu.sh
groups+=(cross aarch64 qemu)

leg_prepare() {
  ci/cross-deps.sh "$preset" linux-aarch64
}

leg_begin_tests() {
  emulate qemu-aarch64 "$(cat /usr/lib/binfmt.d/qemu-aarch64.conf)"
}
