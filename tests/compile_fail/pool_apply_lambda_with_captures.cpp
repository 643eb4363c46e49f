// expect: procpool: a lambda with captures cannot run in another process: pass what it needs as
// SPDX-License-Identifier: MIT
#include <procpool/pool.hpp>

int by(procpool::Pool& pool, int factor) {
  return pool.apply([factor](int x) { return x * factor; }, 2);
}
