// SPDX-License-Identifier: MIT
/// \file
/// TaskContext: the task that a worker runs now, for procpool::this_task.
#pragma once

#include <procpool/types.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

namespace procpool::detail {

struct TaskContext {
  JobId job = 0;
  TimePoint started;
  std::optional<Duration> soft_limit;
  std::optional<Duration> hard_limit;
  const std::atomic<std::uint64_t>* soft_due = nullptr;  ///< holds the id of the job whose soft limit has passed
};

/// The context of the calling thread's task; nullptr outside of one. A worker's tasks run on one thread.
[[nodiscard]] TaskContext*& current_task() noexcept;

}  // namespace procpool::detail
