// SPDX-License-Identifier: MIT
// Linux: a process may queue itself a signal with any siginfo (rt_tgsigqueueinfo(2)), so that a core dump
// shows the event itself. Sibling: resend_signal_kill.cpp.
#include "posix/crash_system.hpp"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace procpool::posix {

void resend_signal(int signum, siginfo_t* info) noexcept {
  const pid_t thread = static_cast<pid_t>(::syscall(SYS_gettid));
  if (::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread, signum, info) != 0) {
    ::pthread_kill(::pthread_self(), signum);  // a system call filter may know only the common ones
  }
}

}  // namespace procpool::posix
