#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds for Windows what procpool and its tests need, into build/windows-deps/prefix: libuv from Debian's source
# package, GoogleTest from the package googletest, and a copy of cereal's headers. Does nothing if all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/build/windows-deps
prefix=$work/prefix
toolchain=$PWD/cmake/toolchains/mingw-w64.cmake
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
mkdir -p "$work" "$prefix"

die() {
  echo "windows-deps: $*" >&2
  exit 1
}

# quietly LOG COMMAND...: the output is shown only if the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "failed: $* (all of it in $log)"; }
}

# build NAME SOURCE [OPTION]...: configures, builds and installs.
build() {
  local name=$1 source=$2
  shift 2
  quietly "$work/$name-configure.log" cmake -S "$source" -B "$work/$name" -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@"
  quietly "$work/$name-build.log" cmake --build "$work/$name" --parallel "$jobs"
  quietly "$work/$name-install.log" cmake --install "$work/$name"
}

# The source package comes from where the machine gets its packages, by lists of our own: the machine's stay as
# they are.
fetch_libuv() {
  local apt=$work/apt
  rm -rf "$apt" "$work"/libuv1-*/ "$work"/libuv1_*
  mkdir -p "$apt/sources" "$apt/lists/partial"
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [[ -s $file ]] || continue
    sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$file" >"$apt/sources/$(basename "$file")"
    [[ $file == *.sources ]] || mv "$apt/sources/$(basename "$file")" "$apt/sources/main.list"
  done
  local options=(-o "Dir::Etc::SourceParts=$apt/sources" -o Dir::Etc::SourceList=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o APT::Sandbox::User=root)
  quietly "$work/apt-update.log" apt-get "${options[@]}" update -q
  (cd "$work" && quietly "$work/apt-source.log" apt-get "${options[@]}" source -q libuv1)
}

if [[ ! -e $prefix/lib/libuv_a.a && ! -e $prefix/lib/libuv.a ]]; then
  echo "windows-deps: libuv"
  fetch_libuv
  libuv=$(find "$work" -maxdepth 1 -type d -name 'libuv1-*' | head -n 1)
  [[ -n $libuv ]] || die "the source package of libuv has not the folder that it should have"
  build libuv "$libuv" -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
fi

if [[ ! -e $prefix/lib/libgtest.a ]]; then
  echo "windows-deps: GoogleTest"
  [[ -d /usr/src/googletest ]] || die "/usr/src/googletest is missing (ci/install-deps.sh windows)"
  build googletest /usr/src/googletest -DBUILD_GMOCK=OFF
fi

# Not by a path to /usr/include, which would bring the headers of this machine's C library along.
if [[ ! -e $prefix/include/cereal/cereal.hpp ]]; then
  echo "windows-deps: cereal"
  [[ -d /usr/include/cereal ]] || die "/usr/include/cereal is missing (ci/install-deps.sh build)"
  mkdir -p "$prefix/include" "$prefix/lib/cmake/cereal"
  # Debian's own CMake package finds the headers by its place in the file system.
  cat >"$prefix/lib/cmake/cereal/cerealConfig.cmake" <<'END'
add_library(cereal::cereal INTERFACE IMPORTED)
get_filename_component(_cereal_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set_target_properties(cereal::cereal PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_cereal_prefix}/include")
END
  cp -r /usr/include/cereal "$prefix/include/"
fi
