# SPDX-License-Identifier: MIT
# The leg windows-clang-cl: built by clang-cl of Visual Studio 2022. Sourced by ci/run-leg.sh.
source ci/legs/parts/vcpkg.sh
