// SPDX-License-Identifier: MIT
#include "serialization/stack_room.hpp"

#include <windows.h>

namespace procpool::detail {

std::size_t stack_room() noexcept {
  ULONG_PTR low = 0;
  ULONG_PTR high = 0;
  GetCurrentThreadStackLimits(&low, &high);
  const auto here = reinterpret_cast<std::uintptr_t>(&low);
  return here >= low && here < high ? here - low : SIZE_MAX;
}

}  // namespace procpool::detail
