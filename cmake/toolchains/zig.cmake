# SPDX-License-Identifier: MIT
# Any target of zig's, given as PROCPOOL_ZIG_TARGET: macOS without a Mac, musl, Windows with libc++. The compilers are
# what ci/zig-deps.sh makes.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PROCPOOL_ZIG_TARGET)
if(NOT PROCPOOL_ZIG_TARGET MATCHES "^([a-z0-9_]+)-(macos|linux|windows)")
  message(FATAL_ERROR "PROCPOOL_ZIG_TARGET is \"${PROCPOOL_ZIG_TARGET}\", not something like aarch64-macos")
endif()
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
if(CMAKE_MATCH_2 STREQUAL "macos")
  set(CMAKE_SYSTEM_NAME Darwin)
elseif(CMAKE_MATCH_2 STREQUAL "windows")
  set(CMAKE_SYSTEM_NAME Windows)
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()

cmake_path(SET procpool_zig_bin NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../build/zig/bin")
set(CMAKE_C_COMPILER ${procpool_zig_bin}/zig-${PROCPOOL_ZIG_TARGET}-cc)
set(CMAKE_CXX_COMPILER ${procpool_zig_bin}/zig-${PROCPOOL_ZIG_TARGET}-c++)
set(CMAKE_AR ${procpool_zig_bin}/zig-ar)
set(CMAKE_RANLIB ${procpool_zig_bin}/zig-ranlib)

if(CMAKE_SYSTEM_NAME STREQUAL "Darwin")
  # No SDK is looked for; zig brings its own headers and stubs of the system's libraries. Nor is there a tool that
  # changes install names after the link.
  set(CMAKE_OSX_SYSROOT "")
  set(CMAKE_OSX_DEPLOYMENT_TARGET "")
  set(CMAKE_OSX_ARCHITECTURES "")
  set(CMAKE_INSTALL_NAME_TOOL /bin/true)
elseif(PROCPOOL_ZIG_TARGET MATCHES "-musl$")
  set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
endif()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
