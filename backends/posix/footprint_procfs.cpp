// SPDX-License-Identifier: MIT
// Linux: RssAnon (4.5) and VmSwap of /proc/PID/status: about 15 us, however large the process is.
// smaps_rollup, which could tell pages that a fork still shares from private ones, walks all pages: 30 us for
// a small process, tens of milliseconds for one that has inherited a GiB. So what was inherited is subtracted
// as a whole: a worker that overwrites inherited pages is measured too small by that much.
#include "posix/footprint.hpp"
#include "posix/read_file.hpp"

namespace procpool::posix {

namespace {

/// Nothing if there is no such process, or it is a zombie, which has no memory.
std::optional<std::uint64_t> private_bytes(const char* path) noexcept {
  SmallFile text;
  if (!read_file(path, text)) return std::nullopt;
  const auto resident = find_bytes(text, "\nRssAnon:");
  if (!resident) return std::nullopt;
  return *resident + find_bytes(text, "\nVmSwap:").value_or(0);  // not there without swap in the kernel
}

}  // namespace

std::uint64_t inherited_memory() noexcept {
  return private_bytes("/proc/self/status").value_or(0);
}

std::optional<MemorySize> read_footprint(pid_t pid, std::uint64_t inherited) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/status", static_cast<int>(pid));
  const auto bytes = private_bytes(path);
  if (!bytes) return std::nullopt;
  return MemorySize::from_bytes(*bytes > inherited ? *bytes - inherited : 0);
}

}  // namespace procpool::posix
