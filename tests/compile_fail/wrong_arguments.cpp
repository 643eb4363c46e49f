// expect: procpool: the callable cannot be called with these arguments
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

#include <string>

int square(int x);

procpool::BoundTask bound() {
  return procpool::task(square, std::string("five"));
}
