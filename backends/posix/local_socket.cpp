// SPDX-License-Identifier: MIT
#include "posix/local_socket.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>

namespace procpool::posix {

UniqueFd raise_fd(UniqueFd fd) noexcept {
  if (!fd) return fd;
  if (fd.get() >= lowest_fd) {
    if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) fd.reset();
    return fd;
  }
  UniqueFd raised(::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest_fd));
  if (!raised && errno == EINVAL) errno = EMFILE;  // lowest_fd is above the limit of this process
  return raised;
}

void ring_doorbell(int fd) noexcept {
  constexpr char byte = 0;
  // EAGAIN: the peer has not heard thousands of earlier rings, and will hear those. EPIPE: it is gone.
  while (::send(fd, &byte, 1, MSG_DONTWAIT | send_flags) < 0 && errno == EINTR) {
  }
}

Drained drain_doorbell(int fd) noexcept {
  auto drained = Drained::nothing;
  char bytes[256];
  for (int round = 0; round < longest_drain; ++round) {
    const ssize_t count = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) drained = Drained::rung;
    if (count == static_cast<ssize_t>(sizeof bytes)) continue;
    if (count > 0) return drained;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return drained;
    return Drained::peer_gone;  // end of file, or ECONNRESET
  }
  return drained;
}

}  // namespace procpool::posix
