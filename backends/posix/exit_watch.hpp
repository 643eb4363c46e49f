// SPDX-License-Identifier: MIT
/// \file
/// Handles of processes that are not one's children: to see their end, and to signal them without the danger
/// of hitting another process that got the number.
#pragma once

#include "posix/unique_fd.hpp"

#include <cstdint>

#include <sys/types.h>

namespace procpool::posix {

/// In the launcher, for its child: a handle to send to the host. Empty where there are none that can be sent,
/// or no descriptor is left. (exit_watch_*.cpp)
[[nodiscard]] UniqueFd open_process_handle(pid_t child) noexcept;

/// In the host: a descriptor that becomes readable when the process ends and stays so. Made of `handle`, if
/// one was received. Empty if there is none. (exit_watch_*.cpp)
[[nodiscard]] UniqueFd watch_exit(pid_t pid, UniqueFd handle) noexcept;

enum class Reached : std::uint8_t { sent, gone, unsupported };

/// Signals the process of a watch_exit() descriptor. `unsupported`: ask the launcher. (exit_watch_*.cpp)
[[nodiscard]] Reached signal_by_watch(int watch, int signum) noexcept;

/// Kills the process of the watch and the group that it leads, also if somebody has reaped the leader. For
/// when the launcher, whose work that is, is lost. Does nothing where it cannot be sure of whom it would
/// kill. `watch` may be -1. (exit_watch_*.cpp)
void kill_group_by_watch(int watch, pid_t leader) noexcept;

/// True if the process of the watch has not ended.
[[nodiscard]] bool still_runs(int watch) noexcept;

}  // namespace procpool::posix
