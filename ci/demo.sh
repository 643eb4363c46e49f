#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds the example tiff_survey and lets it loose on good and on hostile files.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "This installs missing Debian packages, builds into build/demo and parses examples/tiff_survey/{files,hostile}."
ci/install-deps.sh build || exit 1
build=build/demo
if [[ -z ${CMAKE_GENERATOR:-} ]] && command -v ninja >/dev/null && [[ ! -e $build/CMakeCache.txt ]]; then
  export CMAKE_GENERATOR=Ninja
fi
log=$build/build.log
mkdir -p "$build"
if ! { cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DPROCPOOL_BUILD_EXAMPLES=ON &&
  cmake --build "$build" --target tiff_survey --parallel "$(nproc)"; } >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "ci/demo.sh: the build failed; all of its output is in $log" >&2
  exit 1
fi
exec "$build/examples/tiff_survey" examples/tiff_survey/files examples/tiff_survey/hostile
