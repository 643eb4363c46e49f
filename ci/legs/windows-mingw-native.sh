# SPDX-License-Identifier: MIT
# The leg windows-mingw-native: built by a MinGW-w64 GCC on Windows itself, which has to be in PATH. Sourced by ci/run-leg.sh.
source ci/legs/parts/vcpkg.sh
