// expect: procpool: a std::function cannot run in another process: pass the function itself
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

#include <functional>

procpool::detail::TaskCall call(const std::function<int(int)>& f) {
  return procpool::detail::make_task_call<std::function<int(int)>, int>(f);
}
