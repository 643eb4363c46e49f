#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing, and only those. With everything there it takes a moment.
#
#   ci/install-deps.sh GROUP...      groups: build (default), test, bench, clang, libcxx, format, cross, zig, i686,
#                                   aarch64, qemu, windows, wine
set -euo pipefail

packages=()
for group in "${@:-build}"; do
  case $group in
    build) packages+=(g++ cmake ninja-build pkg-config libuv1-dev libcereal-dev) ;;
    test) packages+=(libgtest-dev) ;;
    bench) packages+=(libbenchmark-dev libzmq3-dev libboost-dev python3 python3-billiard) ;;
    clang) packages+=(clang-19 libclang-rt-19-dev) ;;
    format) packages+=(clang-format-14) ;;
    libcxx) packages+=(clang-19 libc++-19-dev libc++abi-19-dev googletest) ;;
    cross) packages+=(googletest dpkg-dev) ;;
    zig) command -v npm >/dev/null || packages+=(nodejs npm) ;;
    i686) packages+=(g++-i686-linux-gnu) ;;
    aarch64) packages+=(g++-aarch64-linux-gnu) ;;
    qemu) packages+=(qemu-user-static) ;;
    windows) packages+=(g++-mingw-w64-x86-64-posix) ;;
    wine) packages+=(wine64 wine) ;;
    *) echo "install-deps: no such group: $group" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [[ $status == *" installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "install-deps: nothing is missing (${*:-build})"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "install-deps: this is no Debian; please install what corresponds to: ${missing[*]}" >&2
  exit 1
fi
root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "install-deps: neither root nor sudo; please install: ${missing[*]}" >&2; exit 1; }
  root=(sudo)
fi
echo "install-deps: installing ${missing[*]}"
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}"
}
# The package lists of a fresh machine may be missing or old: fetch them only if it does not work without.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install >"$log" 2>&1; then
  if ! { "${root[@]}" apt-get update -q && install; } >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "install-deps: apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
