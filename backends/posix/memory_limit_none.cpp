// SPDX-License-Identifier: MIT
// For systems that accept limits on memory and do not enforce them (macOS): the Pool samples instead.
#include "posix/process_setup.hpp"

namespace procpool::posix {

void limit_memory(MemorySize /*more*/) noexcept {}

bool can_limit_memory() noexcept {
  return false;
}

}  // namespace procpool::posix
