// SPDX-License-Identifier: MIT
// For systems without close_range() that list a process's descriptors in /dev/fd (macOS).
#include "posix/process_setup.hpp"
#include "posix/unique_fd.hpp"

#include <algorithm>
#include <cstdlib>

#include <dirent.h>

namespace procpool::posix {

void close_other_fds(std::span<const int> keep) noexcept {
  DIR* directory = ::opendir("/dev/fd");
  if (directory == nullptr) return;
  std::vector<int> open;
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (fd > 2 && std::find(keep.begin(), keep.end(), fd) == keep.end()) open.push_back(fd);
  }
  ::closedir(directory);
  for (const int fd : open) ::close(fd);
}

}  // namespace procpool::posix
