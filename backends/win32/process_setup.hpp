// SPDX-License-Identifier: MIT
/// \file
/// What a worker sees to before it works, and when it ends.
#pragma once

namespace procpool::win32 {

/// A worker that crashes ends at once, with its status: no dialog, no report that is being written. Holds for
/// what it starts, too. (no_dialogs.cpp)
void avoid_dialogs() noexcept;

/// The part of it that the debug runtime of a compiler has of its own: what it finds goes to stderr.
/// (debug_reports_*.cpp)
void avoid_debug_dialogs() noexcept;

/// A worker that calls abort() ends with STATUS_FATAL_APP_EXIT, which is told as a crash, and prints nothing
/// but what the program itself prints. (no_dialogs.cpp)
inline constexpr unsigned abort_status = 0x40000015;

/// Flushes what this process has written to stdio and the standard streams. (stdio_flush.cpp)
void flush_stdio() noexcept;

}  // namespace procpool::win32
