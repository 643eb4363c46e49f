// SPDX-License-Identifier: MIT
#include "worker/task_context.hpp"

namespace procpool::detail {

TaskContext*& task_of_this_thread() noexcept {
  static thread_local TaskContext* current = nullptr;
  return current;
}

void leave_task_in_fork() noexcept {
  if (TaskContext* task = task_of_this_thread()) task->in_fork = true;
  task_of_this_thread() = nullptr;
}

}  // namespace procpool::detail
