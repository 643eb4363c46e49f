// SPDX-License-Identifier: MIT
/// \file
/// on_nudge: what a worker does when the host wants the attention of a running task.
#pragma once

namespace procpool::detail {

/// Called in a worker after WorkerProcess::nudge(), at any moment of the task or between tasks; on POSIX
/// within a signal handler, so it may do only what is async-signal-safe. A nudge may come late, or without a
/// reason.
void on_nudge() noexcept;

}  // namespace procpool::detail
