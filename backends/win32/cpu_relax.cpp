// SPDX-License-Identifier: MIT
#include "channel/spin.hpp"

#include <windows.h>

namespace procpool::detail {

void cpu_relax() noexcept {
  YieldProcessor();
}

void cpu_yield() noexcept {
  ::SwitchToThread();
}

}  // namespace procpool::detail
