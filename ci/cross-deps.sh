#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds with a cross compiler what procpool and its tests need, into build/NAME-deps/prefix: libuv from Debian's source
# package, GoogleTest from the package googletest, and a copy of cereal's headers. Does nothing if all is there.
#
#   ci/cross-deps.sh NAME TOOLCHAIN [OPTION OF CMAKE]...
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?"usage: ci/cross-deps.sh NAME TOOLCHAIN [OPTION OF CMAKE]..."}
toolchain=$PWD/cmake/toolchains/${2:?"usage: ci/cross-deps.sh NAME TOOLCHAIN [OPTION OF CMAKE]..."}.cmake
options=("${@:3}")
work=$PWD/build/$name-deps
prefix=$work/prefix
sources=$PWD/build/sources
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
mkdir -p "$prefix" "$sources"

die() {
  echo "cross-deps: $*" >&2
  exit 1
}

# quietly LOG COMMAND...: the output is shown only if the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "failed: $* (all of it in $log)"; }
}

# build NAME SOURCE [OPTION]...: configures, builds and installs. Without optimization: compiling takes longer than it would save.
# In the background, as configuring takes one processor: finish_builds waits for all.
building=()
build() {
  configure_and_build "$@" &
  building+=($!)
}
finish_builds() {
  local one failed=0
  for one in ${building[@]+"${building[@]}"}; do wait "$one" || failed=1; done
  return $failed
}
trap finish_builds EXIT
configure_and_build() {
  local library=$1 source=$2
  shift 2
  quietly "$work/$library-configure.log" cmake -S "$source" -B "$work/$library" -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
    -DCMAKE_BUILD_TYPE= -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "${options[@]}" "$@"
  quietly "$work/$library-build.log" cmake --build "$work/$library" --parallel "$jobs"
  quietly "$work/$library-install.log" cmake --install "$work/$library"
}

find_libuv() { find "$sources" -maxdepth 1 -type d -name 'libuv1-*' | head -n 1; }

# The source package comes from where the machine gets its packages, by lists of our own: the machine's stay as
# they are.
fetch_libuv() {
  local apt=$sources/apt
  rm -rf "$apt" "$sources"/libuv1-*/ "$sources"/libuv1_*
  mkdir -p "$apt/sources" "$apt/lists/partial"
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [[ -s $file ]] || continue
    sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$file" >"$apt/sources/$(basename "$file")"
    [[ $file == *.sources ]] || mv "$apt/sources/$(basename "$file")" "$apt/sources/main.list"
  done
  local settings=(-o "Dir::Etc::SourceParts=$apt/sources" -o Dir::Etc::SourceList=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o APT::Sandbox::User=root)
  quietly "$sources/apt-update.log" apt-get "${settings[@]}" update -q
  (cd "$sources" && quietly "$sources/apt-source.log" apt-get "${settings[@]}" source -q libuv1)
}

if [[ ! -e $prefix/lib/libuv_a.a && ! -e $prefix/lib/libuv.a ]]; then
  echo "cross-deps: libuv for $name"
  [[ -n $(find_libuv) ]] || fetch_libuv
  libuv=$(find_libuv)
  [[ -n $libuv ]] || die "the source package of libuv has not the folder that it should have"
  # 1.44 would be compiled twice, for a shared library too, which nothing here links. Later ones have an option for it.
  sed -i -e 's/^add_library(uv SHARED ${/add_library(uv SHARED EXCLUDE_FROM_ALL ${/' -e '/^install(TARGETS uv EXPORT /,/)$/d' \
    "$libuv/CMakeLists.txt"
  build libuv "$libuv" -DLIBUV_BUILD_SHARED=OFF -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
fi

if [[ ! -e $prefix/lib/libgtest.a ]]; then
  echo "cross-deps: GoogleTest for $name"
  [[ -d /usr/src/googletest ]] || die "/usr/src/googletest is missing (ci/install-deps.sh cross)"
  build googletest /usr/src/googletest -DBUILD_GMOCK=OFF
fi

# Not by a path to /usr/include, which would bring the headers of this machine's C library along.
if [[ ! -e $prefix/include/cereal/cereal.hpp ]]; then
  echo "cross-deps: cereal for $name"
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

finish_builds
