// SPDX-License-Identifier: MIT
/// \file
/// What a worker tells of its crash.
#pragma once

#include <cstddef>
#include <span>

namespace procpool::win32 {

/// From now on an exception that nobody handles, in any thread, makes the worker write its stack into the
/// CrashArea of `memory`, which stays mapped, before the process ends with the exception's code. Not for
/// memories too small for a channel. Once in a process. Whoever sets an unhandled exception filter later has
/// it in place of this one. Of an overflow of the stack the innermost place is told, if there is room left to
/// run the filter. (crash_handler_*.cpp)
void report_crashes(std::span<std::byte> memory) noexcept;

}  // namespace procpool::win32
