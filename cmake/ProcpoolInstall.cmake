# SPDX-License-Identifier: MIT
# Install rules: library, headers, CMake package and pkg-config file, all of them relocatable. Two components:
# procpool-runtime is what a program needs that was linked to the shared library, procpool-development the rest.
include(CMakePackageConfigHelpers)

set(PROCPOOL_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/procpool
    CACHE STRING "Where procpool's CMake package is installed")

install(
  TARGETS procpool
  EXPORT procpool-targets
  FILE_SET HEADERS
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT procpool-development
  ARCHIVE
    DESTINATION ${CMAKE_INSTALL_LIBDIR}
    COMPONENT procpool-development
  LIBRARY
    DESTINATION ${CMAKE_INSTALL_LIBDIR}
    COMPONENT procpool-runtime
    NAMELINK_COMPONENT procpool-development
  RUNTIME
    DESTINATION ${CMAKE_INSTALL_BINDIR}
    COMPONENT procpool-runtime)
install(
  EXPORT procpool-targets
  NAMESPACE procpool::
  DESTINATION ${PROCPOOL_INSTALL_CMAKEDIR}
  COMPONENT procpool-development)

get_target_property(procpool_type procpool TYPE)
if(procpool_type STREQUAL "STATIC_LIBRARY")
  set(PROCPOOL_INSTALLED_STATIC ON)
  set(procpool_pc_requires_private "libuv >= 1.44")
  set(procpool_pc_definitions "-DPROCPOOL_STATIC")
else()
  set(PROCPOOL_INSTALLED_STATIC OFF)
  set(procpool_pc_requires_private "")
  set(procpool_pc_definitions "")
endif()
configure_package_config_file(
  cmake/procpool-config.cmake.in ${PROJECT_BINARY_DIR}/procpool-config.cmake
  INSTALL_DESTINATION ${PROCPOOL_INSTALL_CMAKEDIR}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/procpool-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/procpool-config.cmake
              ${PROJECT_BINARY_DIR}/procpool-config-version.cmake cmake/ProcpoolLibuv.cmake
        DESTINATION ${PROCPOOL_INSTALL_CMAKEDIR}
        COMPONENT procpool-development)

# pkg-config: paths relative to the file itself, so that a moved prefix works, unless the packager wants absolute
# ones. cereal has no .pc file, so its headers are named here unless the compiler looks there anyway.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(procpool_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH procpool_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" procpool_pc_prefix "\${pcfiledir}/${procpool_pc_prefix}")
endif()
cmake_path(APPEND procpool_pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND procpool_pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
set(procpool_pc_cereal "")
get_target_property(procpool_cereal_dirs cereal::cereal INTERFACE_INCLUDE_DIRECTORIES)
foreach(dir IN LISTS procpool_cereal_dirs)
  if(IS_ABSOLUTE "${dir}" AND NOT dir IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    string(APPEND procpool_pc_cereal " -I${dir}")
  endif()
endforeach()
set(procpool_pc_libs_private "")
foreach(library IN LISTS CMAKE_DL_LIBS)
  string(APPEND procpool_pc_libs_private " -l${library}")
endforeach()
configure_file(cmake/procpool.pc.in ${PROJECT_BINARY_DIR}/procpool.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/procpool.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT procpool-development)
foreach(component procpool-runtime procpool-development)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
endforeach()
