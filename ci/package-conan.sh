#!/bin/bash
# SPDX-License-Identifier: MIT
# The consumer of tests/consume, by Conan 2: the recipe of packaging/conan with its test_package, static and shared.
# Needs Conan's program in $CONAN, and is skipped without it.
set -euo pipefail
cd "$(dirname "$0")/.."

source packaging/leg.sh
begin_package_leg package-conan CONAN
rm -rf "$build"
mkdir -p "$build"

# The compiler that Conan finds, and the CMake that is installed instead of one that Conan would fetch.
"$CONAN" profile detect --exist-ok
cmake_version=$(cmake --version | sed -n '1s/^cmake version \([0-9.]*\).*/\1/p')
cat >"$build/profile" <<END
include(default)

[settings]
compiler.cppstd=20

[platform_tool_requires]
cmake/$cmake_version
END
for shared in False True; do
  echo "== shared=$shared"
  "$CONAN" create packaging/conan --profile:host="$PWD/$build/profile" --profile:build="$PWD/$build/profile" \
    --options="procpool/*:shared=$shared" --build=missing
done
say "2 passed, 0 failed, 0 skipped ($SECONDS s)"
