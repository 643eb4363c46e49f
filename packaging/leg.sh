# SPDX-License-Identifier: MIT
# What ci/package-*.sh share, which consume procpool by a package manager: how such a leg says how it went.

say() {
  mkdir -p "$build"
  echo "leg $leg: $1" >"$build/leg-summary"
}

# begin_package_leg LEG VARIABLE: ends the script, skipped, if the variable, which tells where the package manager is, is
# not set. Sets $leg, and $build for what the leg makes.
begin_package_leg() {
  leg=$1
  build=build/$leg
  if [[ -z ${!2:-} ]]; then
    say "0 passed, 0 failed, 1 skipped: $2 is not set"
    echo "skipped: $leg, because $2 is not set"
    exit 0
  fi
  trap '(($? == 0)) || { say "FAILED"; echo "$leg: FAILED" >&2; }' EXIT
}
