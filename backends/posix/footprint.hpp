// SPDX-License-Identifier: MIT
/// \file
/// The memory of another process.
#pragma once

#include <procpool/memory_size.hpp>

#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace procpool::posix {

/// The private memory that a process which is forked from this one starts with, in bytes: it does not count
/// in read_footprint(). 0 where the system tells them apart itself. (footprint_*.cpp)
[[nodiscard]] std::uint64_t inherited_memory() noexcept;

/// The private memory that the process has now, in memory or swapped out, above what it has inherited. Files
/// and what is shared do not count. Nothing if the process is gone or cannot be read. The caller sees to it
/// that the number is still that process's. (footprint_*.cpp)
[[nodiscard]] std::optional<MemorySize> read_footprint(pid_t pid, std::uint64_t inherited) noexcept;

}  // namespace procpool::posix
