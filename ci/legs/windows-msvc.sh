# SPDX-License-Identifier: MIT
# The leg windows-msvc: built by MSVC of Visual Studio 2022. Sourced by ci/run-leg.sh.
source ci/legs/parts/vcpkg.sh
