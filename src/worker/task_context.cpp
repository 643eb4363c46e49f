// SPDX-License-Identifier: MIT
#include "worker/task_context.hpp"

namespace procpool::detail {

TaskContext*& current_task() noexcept {
  static thread_local TaskContext* current = nullptr;
  return current;
}

void leave_task_in_fork() noexcept {
  if (TaskContext* task = current_task()) task->in_fork = true;
  current_task() = nullptr;
}

}  // namespace procpool::detail
