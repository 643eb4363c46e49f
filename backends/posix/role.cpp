// SPDX-License-Identifier: MIT
#include "posix/role.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace procpool::posix {

namespace {

// No limit is written as 0: a limit of nothing is refused by the Pool.
std::string encode(std::uint64_t first, const std::optional<MemorySize>& limit) {
  return std::to_string(first) + ":" + std::to_string(limit ? limit->bytes() : 0);
}

bool decode(const char* text, std::uint64_t& first, std::optional<MemorySize>& limit) {
  std::uint64_t bytes = 0;
  int length = 0;
  if (std::sscanf(text, "%" SCNu64 ":%" SCNu64 "%n", &first, &bytes, &length) != 2 || text[length] != '\0') {
    return false;
  }
  if (bytes != 0) limit = MemorySize::from_bytes(bytes);
  return true;
}

}  // namespace

std::vector<std::string> to_arguments(const LauncherRole& role) {
  return {launcher_argument, encode(role.workers_by == WorkersBy::execute ? 1 : 0, role.memory_limit)};
}

std::vector<std::string> to_arguments(const WorkerRole& role) {
  return {worker_argument, encode(role.memory_bytes, role.memory_limit)};
}

std::optional<LauncherRole> parse_launcher_role(const char* text) {
  LauncherRole role;
  std::uint64_t execute = 0;
  if (!decode(text, execute, role.memory_limit)) return std::nullopt;
  role.workers_by = execute != 0 ? WorkersBy::execute : WorkersBy::fork;
  return role;
}

std::optional<WorkerRole> parse_worker_role(const char* text) {
  WorkerRole role;
  if (!decode(text, role.memory_bytes, role.memory_limit)) return std::nullopt;
  return role;
}

std::string role_marker() {
  return std::string(role_variable) + "=" + std::to_string(::getpid());
}

bool has_role_marker() noexcept {
  const char* value = std::getenv(role_variable);
  return value != nullptr && std::atol(value) == static_cast<long>(::getppid());
}

}  // namespace procpool::posix
