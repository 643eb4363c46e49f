// SPDX-License-Identifier: MIT
// Linux 4.13 counts the processes that its OOM killer has killed, of the whole system and of control groups,
// as oom_kill in /proc/vmstat.
#include "posix/unique_fd.hpp"
#include "supervision/oom_kills.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace procpool::detail {

std::uint64_t oom_kills() noexcept {
  const posix::UniqueFd fd(::open("/proc/vmstat", O_RDONLY | O_CLOEXEC));
  if (!fd) return 0;
  char text[16384];
  std::size_t size = 0;
  for (;;) {
    const ssize_t count = ::read(fd.get(), text + size, sizeof text - 1 - size);
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  text[size] = '\0';
  const char* const at = std::strstr(text, "\noom_kill ");
  std::uint64_t kills = 0;
  if (at == nullptr || std::sscanf(at + std::strlen("\noom_kill "), "%" SCNu64, &kills) != 1) return 0;
  return kills;
}

}  // namespace procpool::detail
