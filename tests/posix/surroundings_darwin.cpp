// SPDX-License-Identifier: MIT
#include "posix/surroundings.hpp"

namespace procpool::testing {

bool shared_memory_is_a_file() {
  return false;
}

bool fill_dev_shm() {
  return false;
}

void with_images_locked(const std::function<void()>& body) {
  body();
}

bool names_in_unloaded_libraries() {
  return false;
}

}  // namespace procpool::testing
