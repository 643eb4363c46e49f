// expect: procpool: PROCPOOL_TASK needs a function, or an object with one operator()
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

constexpr auto twice = [](auto x) { return x + x; };
PROCPOOL_TASK("twice", twice);
