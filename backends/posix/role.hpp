// SPDX-License-Identifier: MIT
/// \file
/// How a program that is run anew learns that it is a launcher or a worker, and of what kind.
///
/// Its arguments are {program, "--procpool-launcher" or "--procpool-worker", numbers}, its descriptors stand
/// at fixed places, and the environment holds PROCPOOL_ROLE=PID, the pid of who started it: that is how a
/// program that does not call procpool::init is noticed. init() takes the variable away, so that what a task
/// starts does not see it.
#pragma once

#include <procpool/memory_size.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace procpool::posix {

enum class WorkersBy : std::uint8_t { fork, execute };

/// What a launcher must know before it starts workers.
struct LauncherRole {
  WorkersBy workers_by = WorkersBy::fork;
  std::optional<MemorySize> memory_limit;
};

/// What a worker must know.
struct WorkerRole {
  std::uint64_t memory_bytes = 0;
  std::optional<MemorySize> memory_limit;
};

/// Where the descriptors of an executed launcher or worker are.
namespace fixed_fd {
inline constexpr int control = 3;  ///< launcher
inline constexpr int bell = 4;     ///< both
inline constexpr int doorbell = 3;
inline constexpr int memory = 5;
}  // namespace fixed_fd

inline constexpr const char* launcher_argument = "--procpool-launcher";
inline constexpr const char* worker_argument = "--procpool-worker";
inline constexpr const char* role_variable = "PROCPOOL_ROLE";

[[nodiscard]] std::vector<std::string> to_arguments(const LauncherRole& role);
[[nodiscard]] std::vector<std::string> to_arguments(const WorkerRole& role);
/// nullopt if the text is not one that to_arguments() makes.
[[nodiscard]] std::optional<LauncherRole> parse_launcher_role(const char* text);
[[nodiscard]] std::optional<WorkerRole> parse_worker_role(const char* text);

/// "PROCPOOL_ROLE=1234" for a child of this process.
[[nodiscard]] std::string role_marker();
/// True if the parent of this process has started it with role_marker().
[[nodiscard]] bool has_role_marker() noexcept;

}  // namespace procpool::posix
