// SPDX-License-Identifier: MIT
// pidfd_open: Linux 5.3; pidfd_send_signal: 5.1; PIDFD_SIGNAL_PROCESS_GROUP: 6.9.
#include "posix/exit_watch.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/syscall.h>

namespace procpool::posix {

namespace {

constexpr unsigned signal_process_group = 1U << 2U;  // <linux/pidfd.h> of 6.9: PIDFD_SIGNAL_PROCESS_GROUP

int send_signal(int pidfd, int signum, unsigned flags) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signum, nullptr, flags));
}

}  // namespace

UniqueFd open_process_handle(pid_t child) noexcept {
  return raise_fd(UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))));
}

UniqueFd watch_exit(pid_t /*pid*/, UniqueFd handle) noexcept {
  return handle;
}

Reached signal_by_watch(int watch, int signum) noexcept {
  if (watch < 0) return Reached::unsupported;
  if (send_signal(watch, signum, 0) == 0) return Reached::sent;
  return errno == ESRCH ? Reached::gone : Reached::unsupported;
}

void kill_group_by_watch(int watch, pid_t leader) noexcept {
  // The group outlives its leader; the flag reaches it by the handle even then.
  if (watch >= 0 && (send_signal(watch, SIGKILL, signal_process_group) == 0 || errno != EINVAL)) return;
  // Before 6.9, by its number. That is the leader's as long as it is not reaped. After that it is nobody's as
  // long as the group has members (pid numbers are freed with their last use as a group), and another process
  // that had got it would be there to see.
  const bool reaped = watch < 0 || send_signal(watch, 0, 0) != 0;
  if (reaped && (::kill(leader, 0) == 0 || errno != ESRCH)) return;
  ::kill(-leader, SIGKILL);
  if (watch >= 0) send_signal(watch, SIGKILL, 0);
}

bool still_runs(int watch) noexcept {
  return !wait_for(watch, POLLIN, Deadline(Duration::zero()));
}

}  // namespace procpool::posix
