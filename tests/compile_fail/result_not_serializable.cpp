// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

struct Socket {
  int descriptor;
};
Socket open(int port);

procpool::detail::TaskCall call() {
  return procpool::detail::make_task_call<decltype(open), int>(open);
}
