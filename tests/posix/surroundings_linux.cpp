// SPDX-License-Identifier: MIT
#include "posix/surroundings.hpp"

#include <cstddef>
#include <fstream>
#include <string>

#include <link.h>
#include <sched.h>
#include <sys/mount.h>

namespace procpool::testing {

bool shared_memory_is_a_file() {
  return true;
}

// In a mount namespace of its own.
bool fill_dev_shm() {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k") != 0) return false;
  std::ofstream file("/dev/shm/full");
  while (file << std::string(4096, 'x') && file.flush()) {
  }
  return true;
}

void with_images_locked(const std::function<void()>& body) {
  ::dl_iterate_phdr(
      [](dl_phdr_info*, std::size_t, void* data) {
        (*static_cast<const std::function<void()>*>(data))();
        return 1;
      },
      const_cast<std::function<void()>*>(&body));
}

bool names_in_unloaded_libraries() {
  return true;
}

}  // namespace procpool::testing
