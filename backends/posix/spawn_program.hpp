// SPDX-License-Identifier: MIT
/// \file
/// spawn_program: fork and exec of a program as a launcher or worker, without copying the parent's page
/// tables.
#pragma once

#include <csignal>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

namespace procpool::posix {

struct SpawnRequest {
  /// A path; PATH is not searched.
  std::string program;
  /// What follows the program's own name.
  std::vector<std::string> arguments;
  /// Set on top of the environment of this process.
  std::map<std::string, std::string> environment;
  /// Absolute; empty for this process's own.
  std::string working_directory;
  /// The child has these as 3, 4, 5...; each at or above lowest_fd here.
  std::vector<int> descriptors;
  /// What the child has as 2, likewise at or above lowest_fd; -1: what this process has.
  int standard_error = -1;
  /// Signals with their default action in the child. Others that are ignored here stay ignored. None is
  /// blocked.
  sigset_t default_signals{};
};

/// Starts the program with role_marker() in its environment, as the leader of a process group of its own. The
/// child shares this process's memory until it executes, so that the cost does not grow with the memory.
/// Gives the pid, or an error, that of exec included. Throws std::bad_alloc.
[[nodiscard]] std::error_code spawn_program(const SpawnRequest& request, pid_t& pid);

/// The path that execvp(3) would take: `program` as it is, made absolute, if it has a slash, or else found in
/// PATH. Throws SpawnError if there is no such program.
[[nodiscard]] std::string find_program(const std::string& program);

}  // namespace procpool::posix
