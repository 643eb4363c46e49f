// SPDX-License-Identifier: MIT
// A static program has one unwinder, for good.
#include "posix/crash_tasks.hpp"

namespace procpool::testing::crashes {

bool unwinder_can_be_replaced() {
  return false;
}

void set_unwinder(Unwinder /*how*/) {}

}  // namespace procpool::testing::crashes
