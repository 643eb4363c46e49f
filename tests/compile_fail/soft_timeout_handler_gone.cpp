// expect: procpool: what on_soft_timeout shall call is gone before the limit: give an object that has
// SPDX-License-Identifier: MIT
#include <procpool/this_task.hpp>

bool run() {
  bool stopped = false;
  const procpool::this_task::on_soft_timeout watch([&stopped] { stopped = true; });
  return stopped;
}
