// SPDX-License-Identifier: MIT
#include "supervision/oom_kills.hpp"

namespace procpool::detail {

// macOS kills by "jetsam" and keeps no count that an ordinary process can read.
std::uint64_t oom_kills() noexcept {
  return 0;
}

}  // namespace procpool::detail
