#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a program under Wine, and once more if it failed at once and without a word: on a busy machine Wine 8 itself fails
# to start a program now and then (twice in 900 tests, within 10 ms). A test program that starts prints something, unless
# it is told to be brief (--gtest_brief=1): then one that dies later, in a test, must not count as one that never began.
# Each time is noted in $WINEPREFIX/started-again.
set -u
at_once=5  # seconds, for a busy machine
output=$(mktemp)
errors=$(mktemp)
trap 'rm -f "$output" "$errors"' EXIT

# What is printed is shown as it comes, so that CTest has it when it ends a program that hangs. It goes through files
# because what Wine leaves running keeps its output open, and CTest would wait for the end of that.
run() {
  local program shows_errors
  : >"$output" >"$errors"
  wine "$@" >"$output" 2>"$errors" <&0 &
  program=$!
  tail -n +1 -s 0.1 -f --pid="$program" "$errors" >&2 &
  shows_errors=$!
  tail -n +1 -s 0.1 -f --pid="$program" "$output"
  wait "$shows_errors"
  wait "$program"
}

status=0
run "$@" || status=$?
if ((status != 0 && SECONDS < at_once)) && [[ ! -s $output ]]; then
  note="ci/wine.sh: $1 ended with $status and without a word; once more"
  echo "$note" >&2
  [[ ! -d ${WINEPREFIX:-} ]] || echo "$note" >>"$WINEPREFIX/started-again"
  status=0
  run "$@" || status=$?
fi
exit "$status"
