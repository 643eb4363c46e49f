// expect: procpool: this is not a function or function object
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

procpool::detail::TaskCall call() {
  return procpool::detail::make_task_call<int, int>(3);
}
