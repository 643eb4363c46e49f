// expect: procpool: the callable cannot be called with these arguments
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

procpool::BoundTask bound() {
  return procpool::task([](int a, int b) { return a + b; }, 1);
}
