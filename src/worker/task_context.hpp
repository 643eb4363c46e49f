// SPDX-License-Identifier: MIT
/// \file
/// TaskContext: the task that a worker runs now, for procpool::this_task.
#pragma once

#include <procpool/this_task.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace procpool::detail {

class ProgressReporter {
 public:
  virtual void report(double fraction, std::string_view note) = 0;

 protected:
  ~ProgressReporter() = default;
};

struct TaskContext {
  JobId job = 0;  ///< 0: it is no task of the user's
  TimePoint started;
  std::optional<Duration> soft_limit;
  std::optional<Duration> hard_limit;
  /// Holds the id of the job whose soft limit has passed.
  const std::atomic<std::uint64_t>* soft_due = nullptr;
  ProgressReporter* progress = nullptr;
  bool in_fork = false;  ///< this process is a child that the task forked, and is no worker
  /// The innermost handler. Read by a signal handler on the same thread.
  std::atomic<this_task::on_soft_timeout*> on_soft_timeout{nullptr};

  [[nodiscard]] bool is_due() const noexcept {
    return job != 0 && soft_due->load(std::memory_order_acquire) == job;
  }
};

/// The context of the calling thread's task, or of its worker's initializer; nullptr outside of these. A
/// worker's tasks run on one thread.
/// (<mach/mach_init.h> has a macro `current_task`.)
[[nodiscard]] TaskContext*& task_of_this_thread() noexcept;

/// In a child that was forked from a worker: it is inside no task, and may not answer in the worker's name.
void leave_task_in_fork() noexcept;

}  // namespace procpool::detail
