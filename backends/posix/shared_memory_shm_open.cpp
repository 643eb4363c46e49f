// SPDX-License-Identifier: MIT
// For systems without memfd_create (macOS): a named object whose name is gone again at once.
#include "posix/local_socket.hpp"
#include "posix/shared_memory.hpp"
#include "posix/system_error.hpp"

#include <random>
#include <string>

#include <fcntl.h>
#include <mach/vm_inherit.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace procpool::posix {

UniqueFd create_shared_memory(std::size_t bytes) {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    // 31 characters at most (PSHMNAMLEN).
    const std::string name = "/procpool." + std::to_string(random()) + "." + std::to_string(attempt);
    UniqueFd made(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
    if (!made) {
      if (errno == EEXIST) continue;
      throw_spawn_error("cannot make shared memory (shm_open)", last_error());
    }
    ::shm_unlink(name.c_str());
    UniqueFd fd = raise_fd(std::move(made));
    if (!fd) throw_spawn_error("cannot make shared memory (fcntl)", last_error());
    // shm_open sets close-on-exec by itself. The size of an object can be set once only.
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
      throw_spawn_error("cannot size shared memory (ftruncate)", last_error());
    }
    return fd;
  }
  throw_spawn_error("cannot find a free name for shared memory (shm_open)", to_error_code(EEXIST));
}

void hide_from_forks(const SharedMapping& mapping) noexcept {
  ::minherit(mapping.memory().data(), mapping.memory().size(), VM_INHERIT_NONE);
}

}  // namespace procpool::posix
