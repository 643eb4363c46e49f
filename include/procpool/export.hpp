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
