// SPDX-License-Identifier: MIT
#include "posix/shared_memory.hpp"

#include <sys/mman.h>

namespace procpool::posix {

SharedMapping::~SharedMapping() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

SharedMapping map_shared_memory(int fd, std::size_t bytes) noexcept {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return {};
  return SharedMapping({static_cast<std::byte*>(address), bytes});
}

}  // namespace procpool::posix
