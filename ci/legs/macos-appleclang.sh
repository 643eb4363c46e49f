# SPDX-License-Identifier: MIT
# The leg macos-appleclang: built by Apple's compiler, on a Mac. Sourced by ci/run-leg.sh.
leg_install() {
  command -v brew >/dev/null || { echo "leg macos-appleclang: needs Homebrew" >&2; return 1; }
  local formula missing=()
  for formula in cmake ninja pkgconf libuv cereal googletest; do
    brew list --versions "$formula" >/dev/null || missing+=("$formula")
  done
  ((${#missing[@]} == 0)) || HOMEBREW_NO_AUTO_UPDATE=1 brew install "${missing[@]}"
}
