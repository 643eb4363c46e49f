// expect: procpool: the callable cannot be called with these arguments
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

#include <vector>

void sort(std::vector<int>& values);

procpool::BoundTask bound(std::vector<int> values) {
  return procpool::task(sort, values);
}
