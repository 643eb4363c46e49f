// SPDX-License-Identifier: MIT
// RLIMIT_DATA counts all private writable memory since Linux 4.7. RLIMIT_AS would count address space that is
// only reserved, of which sanitizers and some runtimes take terabytes.
#include "posix/process_setup.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>

#include <sys/resource.h>

namespace procpool::posix {

namespace {

/// What RLIMIT_DATA would be compared with now: VmData of /proc/self/status, in bytes.
std::uint64_t present_data() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::uint64_t kilobytes = 0;
    if (name == "VmData:" && status >> kilobytes) return kilobytes * 1024;
    status.clear();
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

}  // namespace

void limit_memory(MemorySize more) noexcept {
  const std::uint64_t present = present_data();
  constexpr auto most = std::numeric_limits<rlim_t>::max() - 1;
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return;
  const rlim_t wanted = more.bytes() < most - present ? static_cast<rlim_t>(present + more.bytes()) : most;
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_DATA, &limit);
}

bool can_limit_memory() noexcept {
  return true;
}

}  // namespace procpool::posix
