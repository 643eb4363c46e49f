// SPDX-License-Identifier: MIT
// Linux: Private_Dirty + SwapPss of /proc/PID/smaps_rollup (4.14), which costs about 30 us for a small
// process and grows with its pages. Without it: resident minus shared of statm, which counts inherited pages
// too.
#include "posix/footprint.hpp"
#include "posix/unique_fd.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include <fcntl.h>

namespace procpool::posix {

namespace {

/// Reads a small file of procfs at once; false if it cannot be read.
template <std::size_t Size>
bool read_proc(const char* format, pid_t pid, char (&text)[Size]) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, format, static_cast<int>(pid));
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  const ssize_t count = ::read(fd.get(), text, Size - 1);
  if (count <= 0) return false;
  text[count] = '\0';
  return true;
}

/// The number after "\nNAME:", in kB; 0 if there is none.
std::uint64_t kilobytes_of(const char* text, const char* name) noexcept {
  const char* at = std::strstr(text, name);
  std::uint64_t value = 0;
  if (at != nullptr) std::sscanf(at + std::strlen(name), "%" SCNu64, &value);
  return value;
}

}  // namespace

std::optional<MemorySize> read_footprint(pid_t pid) noexcept {
  char text[2048];
  if (read_proc("/proc/%d/smaps_rollup", pid, text)) {
    return (kilobytes_of(text, "\nPrivate_Dirty:") + kilobytes_of(text, "\nSwapPss:")) * KiB;
  }
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  if (!read_proc("/proc/%d/statm", pid, text) ||
      std::sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &size, &resident, &shared) != 3) {
    return std::nullopt;
  }
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return MemorySize::from_bytes((resident > shared ? resident - shared : 0) * page);
}

}  // namespace procpool::posix
