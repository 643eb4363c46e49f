// SPDX-License-Identifier: MIT
#include "worker/task_context.hpp"

namespace procpool::detail {

TaskContext*& current_task() noexcept {
  static thread_local TaskContext* current = nullptr;
  return current;
}

}  // namespace procpool::detail
