// SPDX-License-Identifier: MIT
// For systems that take close-on-exec as a flag of socketpair(), pipe2() and recvmsg() (Linux).
#include "posix/local_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace procpool::posix {

const int send_flags = MSG_NOSIGNAL;
const int receive_flags = MSG_CMSG_CLOEXEC;
const bool sent_descriptors_stay_open = false;

namespace {

FdPair raise_both(int (&fds)[2]) noexcept {
  FdPair pair{raise_fd(UniqueFd(fds[0])), {}};
  pair.second = raise_fd(UniqueFd(fds[1]));
  if (!pair.first || !pair.second) return {};
  return pair;
}

}  // namespace

FdPair make_socket_pair() noexcept {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return {};
  return raise_both(fds);
}

FdPair make_pipe() noexcept {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return {};
  return raise_both(fds);
}

}  // namespace procpool::posix
