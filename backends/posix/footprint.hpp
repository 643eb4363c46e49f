// SPDX-License-Identifier: MIT
/// \file
/// The memory of another process.
#pragma once

#include <procpool/memory_size.hpp>

#include <optional>

#include <sys/types.h>

namespace procpool::posix {

/// The memory that would be free if the process ended now: what it alone has written to, in memory or swapped
/// out. Pages that it still shares with the process that it was forked from do not count, nor do files.
/// Nothing if the process is gone or cannot be read. The caller sees to it that the number is still that
/// process's. (footprint_*.cpp)
[[nodiscard]] std::optional<MemorySize> read_footprint(pid_t pid) noexcept;

}  // namespace procpool::posix
