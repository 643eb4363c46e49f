// SPDX-License-Identifier: MIT
// close_range: Linux 5.9. Before it (and in emulators without it), the list in /proc/self/fd.
#include "posix/process_setup.hpp"
#include "posix/unique_fd.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>

#include <dirent.h>
#include <sys/syscall.h>

namespace procpool::posix {

namespace {

constexpr unsigned first_closed = 3;

bool close_between(unsigned first, unsigned last) noexcept {
  return first > last || ::syscall(SYS_close_range, first, last, 0U) == 0;
}

bool close_ranges(std::vector<int> keep) noexcept {
  std::sort(keep.begin(), keep.end());
  unsigned first = first_closed;
  for (const int kept : keep) {
    const auto number = static_cast<unsigned>(kept);
    if (number < first) continue;
    if (!close_between(first, number - 1)) return false;
    first = number + 1;
  }
  return close_between(first, UINT_MAX);
}

}  // namespace

void close_other_fds(std::span<const int> keep) noexcept {
  if (close_ranges({keep.begin(), keep.end()})) return;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return;
  std::vector<int> open;
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (fd >= static_cast<int>(first_closed) && std::find(keep.begin(), keep.end(), fd) == keep.end()) {
      open.push_back(fd);
    }
  }
  ::closedir(directory);
  for (const int fd : open) ::close(fd);
}

}  // namespace procpool::posix
