// SPDX-License-Identifier: MIT
/// \file
/// What a process does that was started as a worker.
#pragma once

#include "win32/start_record.hpp"

#include <windows.h>

namespace procpool::win32 {

/// Waits for the StartRecord on the pipe, does what it says, and ends the process. On the main thread.
[[noreturn]] void be_worker(HANDLE pipe) noexcept;

}  // namespace procpool::win32
