// SPDX-License-Identifier: MIT
// For systems without memfd_create (macOS): a named object whose name is gone again at once.
#include "posix/local_socket.hpp"
#include "posix/shared_memory.hpp"
#include "posix/system_error.hpp"

#include <cerrno>
#include <random>
#include <string>
#include <system_error>
#include <utility>

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
    // The size can be set once only, and before the name is gone: the kernel forgets of an object that is
    // sized later that it was removed, and keeps it for ever (posix_shm.c of older XNUs).
    std::error_code error;
    if (::ftruncate(made.get(), static_cast<off_t>(bytes)) != 0) error = last_error();
    ::shm_unlink(name.c_str());
    if (error) throw_spawn_error("cannot size shared memory (ftruncate)", error);
    UniqueFd fd = raise_fd(std::move(made));
    if (!fd) throw_spawn_error("cannot make shared memory (fcntl)", last_error());
    return fd;
  }
  throw_spawn_error("cannot find a free name for shared memory (shm_open)", to_error_code(EEXIST));
}

void hide_from_forks(const SharedMapping& mapping) noexcept {
  ::minherit(mapping.memory().data(), mapping.memory().size(), VM_INHERIT_NONE);
}

}  // namespace procpool::posix
