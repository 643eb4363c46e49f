// SPDX-License-Identifier: MIT
#include "posix/backend_host.hpp"

#include "helpers/process_info.hpp"

#include <thread>

namespace procpool::testing {

bool dies_soon(Pid pid) {
  const auto deadline = Clock::now() + BackendHost::patience;
  for (;;) {
    const auto info = process_info(pid);
    if (!info || !info->runs) return true;
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Pid parent_of(Pid pid) {
  const auto info = process_info(pid);
  return info ? info->parent : 0;
}

}  // namespace procpool::testing
