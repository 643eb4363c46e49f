// SPDX-License-Identifier: MIT
// Linux: RssAnon (4.5) and VmSwap of /proc/PID/status: about 15 us, however large the process is.
// smaps_rollup, which could tell pages that a fork still shares from private ones, walks all pages: 30 us for
// a small process, tens of milliseconds for one that has inherited a GiB. So what was inherited is subtracted
// as a whole: a worker that overwrites inherited pages is measured too small by that much.
#include "posix/footprint.hpp"
#include "posix/unique_fd.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include <fcntl.h>

namespace procpool::posix {

namespace {

/// The number after `name`, in kB; false if there is none.
bool find_kilobytes(const char* text, const char* name, std::uint64_t& value) noexcept {
  const char* at = std::strstr(text, name);
  return at != nullptr && std::sscanf(at + std::strlen(name), "%" SCNu64, &value) == 1;
}

/// Nothing if there is no such process, or it is a zombie, which has no memory.
std::optional<std::uint64_t> private_bytes(const char* path) noexcept {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[4096];
  const ssize_t count = ::read(fd.get(), text, sizeof text - 1);
  if (count <= 0) return std::nullopt;
  text[count] = '\0';
  std::uint64_t resident = 0;
  std::uint64_t swapped = 0;
  if (!find_kilobytes(text, "\nRssAnon:", resident)) return std::nullopt;
  find_kilobytes(text, "\nVmSwap:", swapped);  // not there without swap in the kernel
  return (resident + swapped) * 1024;
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
