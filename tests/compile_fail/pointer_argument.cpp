// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

int first(const int* values);

procpool::BoundTask bound(const int* values) {
  return procpool::task(first, values);
}
