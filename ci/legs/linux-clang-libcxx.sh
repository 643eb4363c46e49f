# SPDX-License-Identifier: MIT
# The leg linux-clang-libcxx: Clang with LLVM's C++ library, for which GoogleTest is built anew. Sourced by ci/run-leg.sh.
groups+=(libcxx)

leg_prepare() {
  local deps=build/$preset-deps
  [[ ! -e $deps/prefix/lib/libgtest.a ]] || return 0
  mkdir -p "$deps"
  {
    cmake -S /usr/src/googletest -B "$deps/googletest" -DCMAKE_INSTALL_PREFIX="$PWD/$deps/prefix" \
      -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_CXX_FLAGS=-stdlib=libc++ -DBUILD_GMOCK=OFF &&
      cmake --build "$deps/googletest" && cmake --install "$deps/googletest"
  } >"$deps/googletest.log" 2>&1 || { tail -n 20 "$deps/googletest.log" >&2; return 1; }
}
