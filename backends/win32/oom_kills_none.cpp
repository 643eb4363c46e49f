// SPDX-License-Identifier: MIT
#include "supervision/oom_kills.hpp"

namespace procpool::detail {

// Windows does not overcommit: allocations fail, and nobody is killed.
std::uint64_t oom_kills() noexcept {
  return 0;
}

}  // namespace procpool::detail
