# SPDX-License-Identifier: MIT
# How procpool's own targets are compiled.

# What the compilers of Microsoft's kind need to take this code as the others do. Never PUBLIC.
function(procpool_enable_conformance target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /bigobj $<$<CXX_COMPILER_ID:MSVC>:/permissive- /Zc:preprocessor /Zc:__cplusplus>)
  endif()
endfunction()

# Warnings, for procpool's own code only: never PUBLIC.
function(procpool_enable_warnings target)
  procpool_enable_conformance(${target})
  if(NOT PROCPOOL_WARNINGS)
    return()
  endif()
  if(MSVC)
    # Not: padding by alignas (4324), code that is unreachable in one instance of a template (4702), and hidden names
    # (4456 to 4459), where it is wider than the -Wshadow that the code is held to. Nor that getenv() is unsafe.
    target_compile_options(${target} PRIVATE /W4 /wd4324 /wd4702 /wd4456 /wd4457 /wd4458 /wd4459
                                             $<$<BOOL:${PROCPOOL_WERROR}>:/WX>)
    target_compile_definitions(${target} PRIVATE _CRT_SECURE_NO_WARNINGS)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                             $<$<BOOL:${PROCPOOL_WERROR}>:-Werror>)
  endif()
endfunction()

# procpool_build_fast(<target> <folder or target>), if that is wanted: precompiles what the folder's precompiled.hpp names; or
# takes what another target has precompiled, which must be compiled as this one is, and compiles some sources at a time.
function(procpool_build_fast target source)
  if(NOT PROCPOOL_FAST_BUILD)
    return()
  endif()
  if(TARGET ${source})
    get_target_property(aliased ${source} ALIASED_TARGET)
    if(aliased)
      set(source ${aliased})
    endif()
    target_precompile_headers(${target} REUSE_FROM ${source})
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    if(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wa,-mbig-obj)  # more sections than its assembler's format has numbers for
    endif()
  else()
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/${source}/precompiled.hpp)
  endif()
endfunction()

# procpool_build_program_fast(<target>), if that is wanted: a program like a user's takes what the tests have precompiled, and
# no longer shows what it does not include.
function(procpool_build_program_fast target)
  if(NOT PROCPOOL_FAST_PROGRAMS OR NOT PROCPOOL_FAST_BUILD OR NOT TARGET procpool_helpers)
    return()
  endif()
  target_compile_definitions(${target} PRIVATE $<TARGET_PROPERTY:procpool_helpers,INTERFACE_COMPILE_DEFINITIONS>)
  target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:procpool_helpers,INTERFACE_COMPILE_OPTIONS>)
  procpool_build_fast(${target} procpool_helpers)
endfunction()

# What a library target made of procpool's sources needs. Used for the library itself and, in shared builds,
# for the static twin that the tests of internals link.
function(procpool_configure_library target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_definitions(${target} PUBLIC CEREAL_THREAD_SAFE=1 PRIVATE PROCPOOL_BUILDING)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/backends)
  target_link_libraries(
    ${target}
    PUBLIC cereal::cereal Threads::Threads
    PRIVATE procpool::libuv ${CMAKE_DL_LIBS})
  if(UNIX)
    # On 32 bits: sizes of files, and libuv's structures as libuv itself was built with them.
    target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64)
  endif()
  if(WIN32)
    # <windows.h>, which <uv.h> includes: without macros named min and max, and for Windows 10.
    target_compile_definitions(${target} PRIVATE NOMINMAX WIN32_LEAN_AND_MEAN _WIN32_WINNT=0x0a00
                                                 PSAPI_VERSION=2)
  endif()
  set_target_properties(
    ${target}
    PROPERTIES CXX_EXTENSIONS OFF
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
  # A static procpool may end up in somebody's shared library; who builds packages may say otherwise.
  if(NOT DEFINED CMAKE_POSITION_INDEPENDENT_CODE)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    target_compile_definitions(${target} PUBLIC PROCPOOL_STATIC)
  endif()
  procpool_enable_warnings(${target})
  if(CMAKE_UNITY_BUILD)  # files that are compiled one by one shall show what they do not include
    procpool_build_fast(${target} src)
  endif()
endfunction()
