# SPDX-License-Identifier: MIT
# For legs to which libuv, cereal and GoogleTest come by vcpkg, from the manifest in packaging/vcpkg/development.
leg_install() {
  if [[ -z ${VCPKG_ROOT:-} ]]; then
    echo "leg $preset: needs a bootstrapped vcpkg, and its folder in VCPKG_ROOT" >&2
    return 1
  fi
}
