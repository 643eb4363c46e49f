// expect: procpool: the callable cannot be called with these arguments
// SPDX-License-Identifier: MIT
#include <procpool/pool.hpp>

int square(int x);

int of_text(procpool::Pool& pool) {
  return pool.apply_async(square, "five").get();
}
