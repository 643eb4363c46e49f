// SPDX-License-Identifier: MIT
// RLIMIT_DATA counts all private writable memory since Linux 4.7. RLIMIT_AS would count address space that is
// only reserved, of which sanitizers and some runtimes take terabytes.
#include "posix/process_setup.hpp"
#include "posix/read_file.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include <sys/resource.h>

namespace procpool::posix {

void limit_memory(MemorySize more) noexcept {
  // What the limit is compared with: all that the process has now, inherited memory included.
  SmallFile status;
  if (!read_file("/proc/self/status", status)) return;
  const std::uint64_t present = find_bytes(status, "\nVmData:").value_or(0);
  constexpr auto most = std::numeric_limits<rlim_t>::max() - 1;
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return;
  const rlim_t wanted = more.bytes() < most - present ? static_cast<rlim_t>(present + more.bytes()) : most;
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_DATA, &limit);
}

// Asked by setting a limit that limits nothing, and reading it back: qemu's emulation of user programs
// accepts every limit and keeps none. Once, as it is the whole process's.
bool can_limit_memory() noexcept {
  static const bool can = [] {
    rlimit before{};
    if (::getrlimit(RLIMIT_DATA, &before) != 0) return false;
    rlimit wanted = before;
    wanted.rlim_cur =
        (before.rlim_cur == RLIM_INFINITY ? std::numeric_limits<rlim_t>::max() : before.rlim_cur) - 1;
    if (::setrlimit(RLIMIT_DATA, &wanted) != 0) return false;
    rlimit kept{};
    const bool same = ::getrlimit(RLIMIT_DATA, &kept) == 0 && kept.rlim_cur == wanted.rlim_cur;
    ::setrlimit(RLIMIT_DATA, &before);
    return same;
  }();
  return can;
}

}  // namespace procpool::posix
