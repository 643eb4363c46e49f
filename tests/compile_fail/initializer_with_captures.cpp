// expect: procpool: a lambda with captures cannot run in another process: pass what it needs as
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

procpool::Initializer initializer(const int& level) {
  return [&level] { return level; };
}
