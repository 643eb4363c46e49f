// SPDX-License-Identifier: MIT
#include "serialization/stack_room.hpp"

#include <pthread.h>

namespace procpool::detail {

std::size_t stack_room() noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto end = reinterpret_cast<std::uintptr_t>(pthread_get_stackaddr_np(pthread_self()));
  const std::size_t size = pthread_get_stacksize_np(pthread_self());
  const bool on_it = here < end && end - here <= size;
  return on_it ? size - (end - here) : SIZE_MAX;
}

}  // namespace procpool::detail
