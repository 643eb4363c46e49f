// SPDX-License-Identifier: MIT
/// \file
/// What systems do differently when a launcher or worker starts. Each function is in a file of its mechanism.
#pragma once

#include <procpool/memory_size.hpp>

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

namespace procpool::posix {

/// The path of the program that this process runs, to execute it again. Throws SpawnError.
/// (self_program_*.cpp)
[[nodiscard]] std::string self_program();

/// What this process was started with, the program's name first. Empty if the system does not tell.
/// (self_program_*.cpp)
[[nodiscard]] std::vector<std::string> process_arguments();

/// The environment of this process, ended by a null pointer. (self_program_*.cpp)
[[nodiscard]] char** process_environment() noexcept;

/// Closes every descriptor from 3 on but those of `keep`. (close_fds_*.cpp)
void close_other_fds(std::span<const int> keep) noexcept;

/// In a worker: be killed when the launcher ends. True if the system will see to it. (parent_death_*.cpp)
bool die_with_parent() noexcept;

/// In a launcher: become the parent of what its workers leave behind. True if the system can.
/// (parent_death_*.cpp)
bool adopt_orphans() noexcept;

/// The children that this process has now, as far as the system tells. (parent_death_*.cpp)
[[nodiscard]] std::vector<pid_t> list_children();

/// In a worker: how much more memory the process may take than it has now. (memory_limit_*.cpp)
void limit_memory(MemorySize more) noexcept;

/// True if limit_memory() does something. (memory_limit_*.cpp)
[[nodiscard]] bool can_limit_memory() noexcept;

/// In a worker, as late as possible: a task that calls exit() ends the process with the status that it gives,
/// without running the exit handlers and static destructors that the host has registered. (exit_hook_*.cpp)
void skip_exit_handlers_of_host() noexcept;

/// Flushes what this process has written to stdio and the standard streams. (stdio_flush.cpp)
void flush_stdio() noexcept;

}  // namespace procpool::posix
