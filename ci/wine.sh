#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a program under Wine, and once more if it failed without having printed anything: on a busy machine Wine 8 itself
# fails to start a program now and then (twice in 900 tests, within 10 ms). A test program that starts prints something.
set -u
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
wine "$@" >"$output" || status=$?
if ((status != 0)) && [[ ! -s $output ]]; then
  echo "ci/wine.sh: $1 ended with $status and without a word; once more" >&2
  status=0
  wine "$@" >"$output" || status=$?
fi
cat "$output"
exit "$status"
