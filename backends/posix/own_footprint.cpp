// SPDX-License-Identifier: MIT
#include "worker/own_footprint.hpp"

#include "posix/footprint.hpp"

#include <unistd.h>

namespace procpool::detail {

std::uint64_t own_footprint() noexcept {
  const auto footprint = posix::read_footprint(::getpid(), 0);
  return footprint ? footprint->bytes() : 0;
}

}  // namespace procpool::detail
