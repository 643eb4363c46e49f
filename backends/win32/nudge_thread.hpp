// SPDX-License-Identifier: MIT
/// \file
/// The thread of a worker that the host's nudges reach.
#pragma once

#include <windows.h>

namespace procpool::win32 {

/// Starts a thread that lives as long as the process. On the main thread, which runs the tasks. On each
/// signal of `nudge`, if the soft limit of the task that runs has passed, detail::on_nudge() is called while
/// the main thread is suspended, in the way of a POSIX signal handler, and its alertable waits and its
/// synchronous I/O are interrupted. When `host_process` or the main thread ends, so does this process. Both
/// handles stay open. False if there can be no thread.
[[nodiscard]] bool start_nudge_thread(HANDLE nudge, HANDLE host_process) noexcept;

}  // namespace procpool::win32
