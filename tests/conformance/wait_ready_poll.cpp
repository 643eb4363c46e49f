// SPDX-License-Identifier: MIT
#include "conformance/wait_ready.hpp"

#include <cerrno>
#include <chrono>

#include <poll.h>

namespace procpool::testing {

bool becomes_ready(NativeHandle handle, Duration timeout) {
  const TimePoint give_up = Clock::now() + timeout;
  for (;;) {
    pollfd watched{static_cast<int>(handle), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - Clock::now()).count();
    const int ready = ::poll(&watched, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace procpool::testing
