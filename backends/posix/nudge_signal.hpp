// SPDX-License-Identifier: MIT
/// \file
/// Which signal WorkerProcess::nudge() is.
#pragma once

#include <csignal>

namespace procpool::posix {

/// SIGURG: there on every system, and ignored by default, so that it does no harm to a process that does not
/// expect it, such as a program that a task has executed in place of the worker.
inline constexpr int nudge_signal = SIGURG;

}  // namespace procpool::posix
