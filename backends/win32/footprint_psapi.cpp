// SPDX-License-Identifier: MIT
#include "win32/footprint.hpp"
#include "worker/own_footprint.hpp"

#include <algorithm>

#include <psapi.h>

namespace procpool {

namespace win32 {

std::optional<MemorySize> read_footprint(HANDLE process) noexcept {
  PROCESS_MEMORY_COUNTERS_EX counters{};
  if (::GetProcessMemoryInfo(process, reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters),
                             sizeof counters) == 0) {
    return std::nullopt;
  }
  // Documented as the same; Wine fills in the second only.
  return MemorySize::from_bytes(std::max(counters.PrivateUsage, counters.PagefileUsage));
}

}  // namespace win32

namespace detail {

std::uint64_t own_footprint() noexcept {
  const auto footprint = win32::read_footprint(::GetCurrentProcess());
  return footprint ? footprint->bytes() : 0;
}

}  // namespace detail
}  // namespace procpool
