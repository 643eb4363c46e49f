// SPDX-License-Identifier: MIT
// For systems without SOCK_CLOEXEC, pipe2() and MSG_NOSIGNAL (macOS): the flags are set after the making. A
// program that another thread executes in between inherits the descriptor; procpool's own children close what
// is not theirs.
#include "posix/local_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace procpool::posix {

const int send_flags = 0;  // SO_NOSIGPIPE is set on each socket instead
const int receive_flags = 0;

// The kernel of macOS looks for cycles among descriptors that are under way, and may take one that nobody has
// open any more for garbage (Chromium's bug 298276).
const bool sent_descriptors_stay_open = true;

namespace {

FdPair raise_both(int (&fds)[2]) noexcept {
  FdPair pair{raise_fd(UniqueFd(fds[0])), {}};
  pair.second = raise_fd(UniqueFd(fds[1]));
  if (!pair.first || !pair.second) return {};
  for (const UniqueFd* fd : {&pair.first, &pair.second}) {
    if (::fcntl(fd->get(), F_SETFL, O_NONBLOCK) != 0) return {};
  }
  return pair;
}

}  // namespace

FdPair make_socket_pair() noexcept {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return {};
  // Nonblocking, since macOS heeds MSG_DONTWAIT when it receives and not when it sends: a full buffer would
  // block.
  FdPair pair = raise_both(fds);
  if (!pair.first) return {};
  for (const UniqueFd* fd : {&pair.first, &pair.second}) {
    const int on = 1;
    if (::setsockopt(fd->get(), SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) return {};
  }
  return pair;
}

FdPair make_pipe() noexcept {
  int fds[2];
  if (::pipe(fds) != 0) return {};
  return raise_both(fds);
}

}  // namespace procpool::posix
