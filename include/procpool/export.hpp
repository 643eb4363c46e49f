// SPDX-License-Identifier: MIT
/// \file
/// Marks what a shared build of procpool exports. The only header with conditionals on the platform.
#pragma once

#if defined(PROCPOOL_STATIC)
#define PROCPOOL_EXPORT
#elif defined(_WIN32)
#if defined(PROCPOOL_BUILDING)
#define PROCPOOL_EXPORT __declspec(dllexport)
#else
#define PROCPOOL_EXPORT __declspec(dllimport)
#endif
#else
#define PROCPOOL_EXPORT __attribute__((visibility("default")))
#endif

// Around exported classes with a member or a base of the standard library's, of which MSVC warns (C4251,
// C4275): program and DLL have to be of the same compiler and C++ runtime, which holds for all of procpool.
#if defined(_MSC_VER)
#define PROCPOOL_EXPORTED_WITH_STD_MEMBERS_BEGIN \
  __pragma(warning(push)) __pragma(warning(disable : 4251 4275))
#define PROCPOOL_EXPORTED_WITH_STD_MEMBERS_END __pragma(warning(pop))
#else
#define PROCPOOL_EXPORTED_WITH_STD_MEMBERS_BEGIN
#define PROCPOOL_EXPORTED_WITH_STD_MEMBERS_END
#endif
