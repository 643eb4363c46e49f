# SPDX-License-Identifier: MIT
# An overlay port of the tree that it stands in. A port for a registry differs in how SOURCE_PATH comes about.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../.." ABSOLUTE)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DPROCPOOL_DEVELOP=OFF
        -DPROCPOOL_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/procpool)
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
    # The port of libuv names its file so then.
    file(GLOB pkgconfig_files "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/*.pc" "${CURRENT_PACKAGES_DIR}/debug/lib/pkgconfig/*.pc")
    foreach(pkgconfig_file IN LISTS pkgconfig_files)
        vcpkg_replace_string("${pkgconfig_file}" "libuv >=" "libuv-static >=")
    endforeach()
endif()
vcpkg_fixup_pkgconfig()
vcpkg_copy_pdbs()

file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/debug/include"
    "${CURRENT_PACKAGES_DIR}/debug/share"
    "${CURRENT_PACKAGES_DIR}/share/doc"
)
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
