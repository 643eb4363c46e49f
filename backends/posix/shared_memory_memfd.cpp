// SPDX-License-Identifier: MIT
// memfd_create: Linux 3.17.
#include "posix/local_socket.hpp"
#include "posix/shared_memory.hpp"
#include "posix/system_error.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

namespace procpool::posix {

UniqueFd create_shared_memory(std::size_t bytes) {
  UniqueFd fd = raise_fd(UniqueFd(::memfd_create("procpool-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (!fd) throw_spawn_error("cannot make shared memory (memfd_create)", last_error());
  // Above this limit ftruncate would send the host a SIGXFSZ (setrlimit(2)).
  rlimit sizes{};
  if (::getrlimit(RLIMIT_FSIZE, &sizes) == 0 && sizes.rlim_cur < bytes) {
    throw_spawn_error("cannot size shared memory (RLIMIT_FSIZE)", to_error_code(EFBIG));
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    throw_spawn_error("cannot size shared memory (ftruncate)", last_error());
  }
  // A worker that made it smaller would give the host a SIGBUS.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw_spawn_error("cannot fix the size of shared memory (F_ADD_SEALS)", last_error());
  }
  return fd;
}

void hide_from_forks(const SharedMapping& mapping) noexcept {
  ::madvise(mapping.memory().data(), mapping.memory().size(), MADV_DONTFORK);
}

}  // namespace procpool::posix
