// SPDX-License-Identifier: MIT
// macOS: what the system's own tools call the footprint (dirty, compressed and swapped memory). OS X 10.10.
#include "posix/footprint.hpp"

#include <libproc.h>
#include <sys/resource.h>

namespace procpool::posix {

std::uint64_t inherited_memory() noexcept {
  return 0;
}

std::optional<MemorySize> read_footprint(pid_t pid, std::uint64_t /*inherited*/) noexcept {
  rusage_info_v2 usage{};
  if (::proc_pid_rusage(pid, RUSAGE_INFO_V2, reinterpret_cast<rusage_info_t*>(&usage)) != 0) {
    return std::nullopt;
  }
  return MemorySize::from_bytes(usage.ri_phys_footprint);
}

}  // namespace procpool::posix
