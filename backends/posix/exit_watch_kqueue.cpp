// SPDX-License-Identifier: MIT
// kqueue (macOS): EVFILT_PROC tells the end of any process of the same user.
#include "posix/exit_watch.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/event.h>

namespace procpool::posix {

UniqueFd open_process_handle(pid_t /*child*/) noexcept {
  return UniqueFd();
}

UniqueFd watch_exit(pid_t pid, UniqueFd /*handle*/) noexcept {
  UniqueFd queue = raise_fd(UniqueFd(::kqueue()));
  if (!queue) return queue;
  struct kevent event;
  EV_SET(&event, static_cast<uintptr_t>(pid), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, nullptr);
  if (::kevent(queue.get(), &event, 1, nullptr, 0, nullptr) == 0) return queue;
  if (errno != ESRCH) return UniqueFd();
  // It has ended already: an event of our own makes the queue readable at once.
  EV_SET(&event, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, nullptr);
  if (::kevent(queue.get(), &event, 1, nullptr, 0, nullptr) != 0) return UniqueFd();
  return queue;
}

Reached signal_by_watch(int /*watch*/, int /*signum*/) noexcept {
  return Reached::unsupported;
}

void kill_group_by_watch(int watch, pid_t leader) noexcept {
  // Nobody else can have the number while the process runs. What its group has left is not reached after
  // that.
  if (watch >= 0 && still_runs(watch)) ::kill(-leader, SIGKILL);
}

bool still_runs(int watch) noexcept {
  return !wait_for(watch, POLLIN, Deadline(Duration::zero()));
}

}  // namespace procpool::posix
