# SPDX-License-Identifier: MIT
# Defines procpool::libuv, whatever name libuv's provider has given to it:
#   libuv::uv_a, libuv::uv   upstream from 1.45, vcpkg
#   libuv::libuv             upstream's own build tree
#   uv_a, uv                 upstream up to 1.44, conan-center
#   pkg-config libuv         Debian and most distributions
# Used by procpool's build, and by its package config where procpool is a static library.
# PROCPOOL_LIBUV_SCOPE is GLOBAL or empty.

if(NOT TARGET procpool::libuv)
  macro(_procpool_pick_libuv)
    foreach(_procpool_candidate IN ITEMS libuv::uv_a libuv::uv libuv::libuv uv_a uv)
      if(NOT _procpool_libuv AND TARGET ${_procpool_candidate})
        set(_procpool_libuv ${_procpool_candidate})
      endif()
    endforeach()
  endmacro()

  set(_procpool_libuv "")
  _procpool_pick_libuv()
  if(NOT _procpool_libuv)
    find_package(libuv CONFIG QUIET ${PROCPOOL_LIBUV_SCOPE})
    _procpool_pick_libuv()
  endif()
  if(NOT _procpool_libuv)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(PROCPOOL_LIBUV QUIET IMPORTED_TARGET ${PROCPOOL_LIBUV_SCOPE} libuv)
      if(TARGET PkgConfig::PROCPOOL_LIBUV)
        set(_procpool_libuv PkgConfig::PROCPOOL_LIBUV)
      endif()
    endif()
  endif()

  if(_procpool_libuv)
    add_library(procpool::libuv INTERFACE IMPORTED ${PROCPOOL_LIBUV_SCOPE})
    target_link_libraries(procpool::libuv INTERFACE ${_procpool_libuv})
  elseif(NOT CMAKE_FIND_PACKAGE_NAME)
    message(FATAL_ERROR "procpool: libuv was not found, neither as a CMake package nor by pkg-config "
                        "(on Debian: apt-get install libuv1-dev pkg-config)")
  endif()
  unset(_procpool_libuv)
endif()
