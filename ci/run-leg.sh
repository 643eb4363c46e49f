#!/bin/bash
# SPDX-License-Identifier: MIT
# Configures, builds and tests one preset of CMakePresets.json, and says in one line how it went. A preset that cannot run
# here is only built.
#
#   ci/run-leg.sh PRESET [argument of ctest]...      for example: ci/run-leg.sh asan -R conformance
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:?"usage: ci/run-leg.sh PRESET [argument of ctest]..."}
shift
groups=(build test)
case $preset in linux-clang* | asan | tsan) groups+=(clang) ;; esac
# What a leg needs beyond that: a file of its own may add to groups and define these.
leg_install() { ci/install-deps.sh "${groups[@]}"; }
leg_prepare() { :; }
leg_begin_tests() { :; }
leg_end_tests() { :; }
ctest_options=()
leg_only_built=""  # the reason, for a leg whose programs cannot run here
[[ ! -e ci/legs/$preset.sh ]] || source "ci/legs/$preset.sh"

build=build/$preset
results=$PWD/$build/test-results.xml
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)}

say() {
  mkdir -p "$build"
  echo "leg $preset: $1 ($SECONDS s)" | tee "$build/leg-summary"
}
rm -rf "$results" "$build/shards"
cannot_get=75  # EX_TEMPFAIL of sysexits.h: not the fault of the tree
if [[ $preset == linux-gcc ]]; then
  ci/install-deps.sh bench || echo "leg $preset: the benchmarks go without what could not be installed"
fi
{ leg_install && leg_prepare; } || { say "not run: what it needs could not be installed"; exit $cannot_get; }
if [[ -z ${CMAKE_GENERATOR:-} ]] && command -v ninja >/dev/null && [[ ! -e $build/CMakeCache.txt ]]; then
  export CMAKE_GENERATOR=Ninja
fi
cmake --preset "$preset" || { say "FAILED to configure"; exit 1; }
# Compilers that take their memory from glibc take huge pages so, where the kernel has them: Clang needs a quarter less time.
GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1} cmake --build --preset "$preset" || { say "FAILED to build"; exit 1; }

if [[ -n $leg_only_built ]]; then
  built=$(find "$build" -type f \( -name '*.a' -o -name '*.so' -o -name '*.dylib' -o -perm -u+x \) -not -path '*/CMakeFiles/*' | wc -l)
  say "built $built targets, 0 tests run ($leg_only_built): 0 passed, 0 failed, 0 skipped"
  exit 0
fi

leg_begin_tests || { say "built, but not tested: this machine cannot run its tests"; exit $cannot_get; }
trap leg_end_tests EXIT
status=0
limit=()
! command -v timeout >/dev/null || limit=(timeout --foreground 25m)  # macOS has none
${limit[@]+"${limit[@]}"} ctest --preset "$preset" --output-junit "$results" --output-log "$build/ctest.log" ${ctest_options[@]+"${ctest_options[@]}"} "$@" || status=$?

# Of what CTest says: a shard (PROCPOOL_TEST_SHARDS) counts as the tests in it, or as one if it died.
count() { [[ -e $results ]] && sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$results" | head -n 1 || echo 0; }
shards=("$build"/shards/*.xml)
in_shards() { { grep -ho "$1" /dev/null "${shards[@]}" || true; } | wc -l; }
tests=$(count tests) failed=$(count failures)
skipped=$(($(count skipped) + $(count disabled)))
if [[ -e ${shards[0]} ]]; then
  tests=$((tests - ${#shards[@]} + $(in_shards 'status="run"')))
  skipped=$((skipped + $(in_shards '<skipped ')))
fi
echo "skipped, and why:"
{
  if [[ -e ${shards[0]} ]]; then
    grep -ho '<skipped message="[^"]*"' /dev/null "${shards[@]}" | sed 's/.*&#x0A;//; s/"$//' || true
  elif [[ -e $results ]]; then
    grep -A1 '^[^<]*: Skipped$' "$results" | grep -vE ': Skipped$|^--$' || true
  fi
} | sort | uniq -c
line="$((tests - failed - skipped)) passed, $failed failed, $skipped skipped"
if ((status != 0)); then
  say "FAILED: $line"
  exit 1
fi
# A preset may allow more tries than one (the testPresets say why).
again=$(grep -cE '[*]{3}(Failed|Timeout|Exception|Not Run)' "$build/ctest.log" || true)
say "$line$( ((again == 0)) || echo ", $again tried again")"
