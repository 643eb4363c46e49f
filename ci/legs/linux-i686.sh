# SPDX-License-Identifier: MIT
# The leg linux-i686: 32 bits, which 64-bit kernels run as they are. Sourced by ci/run-leg.sh.
groups+=(cross i686)

leg_prepare() {
  ci/cross-deps.sh "$preset" linux-i686
}
