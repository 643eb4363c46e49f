#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks the rules that hold for the whole tree. Prints every breach, and fails if there is one.
set -uo pipefail
cd "$(dirname "$0")/.."

breaches=$(mktemp)
trap 'rm -f "$breaches"' EXIT
# report TITLE: prints what comes on stdin under a title, and remembers that something did. At the end of a pipe it
# runs in a shell of its own, hence the file.
report() {
  local found
  found=$(cat)
  [[ -z $found ]] || printf '%s:\n%s\n\n' "$1" "$found" | tee -a "$breaches"
}
sources() { find "$@" -type f \( -name '*.hpp' -o -name '*.cpp' -o -name '*.hpp.in' -o -name '*.cpp.in' \) | sort; }
code=(include src backends tests examples)
[[ -d bench ]] && code+=(bench)

systems='_WIN32|_WIN64|__linux__|__linux|__APPLE__|__MACH__|__unix__|__FreeBSD__|__ANDROID__|__MINGW32__|__CYGWIN__'
compilers='__GNUC__|__clang__|_MSC_VER|__GLIBC__|__GLIBCXX__|_LIBCPP_VERSION|__has_include'
sources include src | grep -v '^include/procpool/export.hpp$' |
  xargs grep -nHE "^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif).*($systems|$compilers)" |
  report "conditional on a system or compiler in include/ or src/ (make it a file of backends/)"

sources include | xargs grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](uv\.h|uv/|windows\.h|winsock2\.h|unistd\.h|fcntl\.h|poll\.h|signal\.h|pthread\.h|dlfcn\.h|sys/|linux/|mach/|cereal/archives/)' |
  report "public header that includes a header of the system or an archive of cereal"

sources include | xargs grep -nHE '::(min|max)[[:space:]]*[(]' |
  report "min or max in a public header, where they may be macros of <windows.h> (write (std::min)(a, b))"

sources src | xargs grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](windows\.h|winsock2\.h|unistd\.h|fcntl\.h|poll\.h|pthread\.h|dlfcn\.h|sys/|linux/|mach/)' |
  report "system header in src/ (the code belongs to backends/)"

sources "${code[@]}" | grep -v '^tests/compile_fail/' | while read -r file; do
  [[ $(head -n 1 "$file") == "// SPDX-License-Identifier: MIT" ]] || echo "$file"
done | report "first line is not '// SPDX-License-Identifier: MIT'"

sources include | while read -r file; do
  grep -q '^#pragma once$' "$file" || echo "$file"
done | report "header without #pragma once"

for limit in "include:300" "src:600" "backends:600"; do
  sources "${limit%%:*}" | while read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= ${limit##*:})) || echo "$file: $lines lines, ${limit##*:} at most"
  done
done | report "file too long (split it)"

sources "${code[@]}" | xargs grep -nHE '\b(TODO|FIXME|XXX)\b' | report "unfinished"

sources "${code[@]}" | xargs grep -nHE 'std::(jthread|stop_token|format\(|expected<|atomic<std::shared_ptr)|#[[:space:]]*include[[:space:]]*<(format|expected|stop_token)>' |
  report "beyond the subset of C++20 that all supported compilers have"

# Every public header is installed, every source is built.
for file in $(sources include); do
  grep -q "^ *${file#include/})\?$" include/CMakeLists.txt || echo "$file"
done | report "header missing in include/CMakeLists.txt"
for folder in src backends/posix backends/win32; do
  for file in $(sources "$folder" | grep '\.cpp$'); do
    grep -q "\b$(basename "$file")\b" "$folder/CMakeLists.txt" || echo "$file"
  done
done | report "source missing in the CMakeLists.txt of its folder"

# What the workflows and the legs name exists; actions are pinned by commit.
preset_exists() {
  grep -q "\"name\": \"$1\"" CMakePresets.json &&
    (($(grep -o "\"configurePreset\": \"$1\"" CMakePresets.json | wc -l) == 2))
}
for preset in $(sed -n 's/^.*[{ ]preset: *\([A-Za-z0-9_-]*\).*/\1/p' .github/workflows/*.yml); do
  preset_exists "$preset" || echo "$preset"
done | report "a workflow names a preset that CMakePresets.json has not, to configure, build and test"
for preset in $(basename -s .sh ci/legs/*.sh); do
  grep -q "\"name\": \"$preset\"" CMakePresets.json || echo "ci/legs/$preset.sh"
done | report "leg without a preset in CMakePresets.json"
for preset in $(basename -s .sh ci/legs/*.sh); do
  grep -q "^| \`$preset\` |" docs/platforms.md || echo "$preset"
done | report "leg without a row in docs/platforms.md"
for file in $(grep -ohE '(\.?ci|packaging|tests)/[A-Za-z0-9_./-]+' .github/workflows/*.yml | sort -u); do
  [[ -e $file ]] || echo "$file"
done | report "a workflow names a file that does not exist"
grep -nE '^[ -]*uses:' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$' |
  report "action that is not pinned by a commit, with its version as a comment"

version=$(sed -n 's/^ *VERSION \([0-9.]*\)$/\1/p' CMakeLists.txt)
grep -q "\"version\": \"$version\"" packaging/vcpkg/ports/procpool/vcpkg.json || echo "$version" |
  report "packaging/vcpkg/ports/procpool/vcpkg.json has not the version of CMakeLists.txt"

for file in ci/*.sh .ci/run; do
  [[ -x $file ]] || echo "$file"
done | report "script that is not executable"

formatter=$(command -v clang-format-14 || true)
if [[ -n $formatter ]]; then
  sources "${code[@]}" | grep -v '\.in$' | xargs "$formatter" --dry-run 2>&1 |
    sed -n 's/^\([^:]*\):.*clang-format-violations.*/\1/p' | sort -u |
    report "not as clang-format 14 would have it (run clang-format -i)"
else
  echo "check-tree: clang-format-14 is missing: formatting is not checked (ci/install-deps.sh format)"
fi

if [[ -s $breaches ]]; then
  echo "check-tree: FAILED"
  exit 1
fi
echo "check-tree: passed"
