// SPDX-License-Identifier: MIT
/// \file
/// Which sanitizer watches over this build, for tests that one of them cannot bear; and whether it is
/// optimized.
#pragma once

namespace procpool::testing {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_thread_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_address_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif
#else
inline constexpr bool under_address_sanitizer = false;
#endif

/// All is slower then, starts of workers by far: what is done many times over is done less often.
inline constexpr bool under_sanitizer = under_thread_sanitizer || under_address_sanitizer;

#if defined(__OPTIMIZE__)
inline constexpr bool unoptimized = false;
#else
inline constexpr bool unoptimized = true;
#endif

}  // namespace procpool::testing
