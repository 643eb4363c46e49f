#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds procpool and runs its tests. Safe to run again: it only does what is needed.
#
#   ci/test.sh            the tests, built with GCC
#   ci/test.sh --all      also with Clang, under AddressSanitizer and UBSan, and under ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."

legs=(linux-gcc)
case ${1:-} in
  "") ;;
  --all) legs+=(linux-clang asan tsan) ;;
  *) echo "usage: ci/test.sh [--all]" >&2; exit 2 ;;
esac
echo "This installs missing Debian packages, builds into build/ and tests: ${legs[*]}."
for leg in "${legs[@]}"; do
  ci/run-leg.sh "$leg" || { echo "ci/test.sh: the leg $leg failed; its output is above" >&2; exit 1; }
done
