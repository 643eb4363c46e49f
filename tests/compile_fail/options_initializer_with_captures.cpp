// expect: procpool: a lambda with captures cannot run in another process: pass what it needs as
// SPDX-License-Identifier: MIT
#include <procpool/pool.hpp>

void start(const int& level) {
  const procpool::Pool pool({.processes = 2, .initializer = [&level] { return level; }});
}
