// SPDX-License-Identifier: MIT
/// \file
/// What a process does that was started as a worker.
#pragma once

#include "win32/unique_handle.hpp"

namespace procpool::win32 {

/// Waits for the StartRecord on the pipe, does what it says, and ends the process. On the main thread.
[[noreturn]] void be_worker(UniqueHandle pipe) noexcept;

}  // namespace procpool::win32
