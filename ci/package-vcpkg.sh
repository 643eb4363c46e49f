#!/bin/bash
# SPDX-License-Identifier: MIT
# The consumer of tests/consume, by vcpkg: the overlay port of packaging/vcpkg in manifest mode. Needs a bootstrapped
# vcpkg in $VCPKG_ROOT, and is skipped without one. $VCPKG_TARGET_TRIPLET is used if it is set.
set -euo pipefail
cd "$(dirname "$0")/.."

source packaging/leg.sh
begin_package_leg package-vcpkg VCPKG_ROOT
vcpkg=${VCPKG_ROOT//\\//}

# vcpkg knows a port by its own files alone. It must build anew what is in the tree now, hence no cache and no old build.
export VCPKG_BINARY_SOURCES=clear
rm -rf "$build"
mkdir -p "$build/manifests"

echo "== manifests are as vcpkg would write them"
for manifest in packaging/vcpkg/ports/procpool packaging/vcpkg/consumer packaging/vcpkg/development; do
  copy=$build/manifests/$(basename "$manifest")
  mkdir "$copy"
  cp "$manifest/vcpkg.json" "$copy/"
  "$vcpkg/vcpkg" format-manifest "$copy/vcpkg.json"
  diff "$manifest/vcpkg.json" "$copy/vcpkg.json"
done

echo "== the consumer"
options=()
[[ -z ${VCPKG_TARGET_TRIPLET:-} ]] || options+=("-DVCPKG_TARGET_TRIPLET=$VCPKG_TARGET_TRIPLET")
cmake -S tests/consume/find_package -B "$build/consumer" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_TOOLCHAIN_FILE="$vcpkg/scripts/buildsystems/vcpkg.cmake" \
  -DVCPKG_MANIFEST_DIR="$PWD/packaging/vcpkg/consumer" ${options[@]+"${options[@]}"}
cmake --build "$build/consumer" --config Release
program=$build/consumer/consumer
[[ ! -d $build/consumer/Release ]] || program=$build/consumer/Release/consumer
"$program"
say "1 passed, 0 failed, 0 skipped ($SECONDS s)"
