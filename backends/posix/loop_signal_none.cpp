// SPDX-License-Identifier: MIT
// The loop is a descriptor itself (epoll, kqueue).
#include "loop/loop_signal.hpp"

namespace procpool::detail {

std::unique_ptr<LoopSignal> make_loop_signal() {
  return nullptr;
}

}  // namespace procpool::detail
