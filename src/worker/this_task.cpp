// SPDX-License-Identifier: MIT
#include <procpool/this_task.hpp>

#include "worker/nudge.hpp"
#include "worker/task_context.hpp"

namespace procpool {
namespace detail {

TaskContext*& current_task() noexcept {
  static thread_local TaskContext* current = nullptr;
  return current;
}

// That the signal arrived is all: it has ended the system call that the task was blocked in.
void on_nudge() noexcept {}

}  // namespace detail

namespace this_task {

bool is_inside_task() noexcept { return detail::current_task() != nullptr; }

JobId job_id() noexcept {
  const detail::TaskContext* task = detail::current_task();
  return task != nullptr ? task->job : 0;
}

}  // namespace this_task
}  // namespace procpool
