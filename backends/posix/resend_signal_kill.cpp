// SPDX-License-Identifier: MIT
// A signal that is sent again by pthread_kill(3) has lost what was told of its cause, and kills the same.
// Sibling: resend_signal_queue.cpp.
#include "posix/crash_system.hpp"

#include <pthread.h>

namespace procpool::posix {

void resend_signal(int signum, siginfo_t* /*info*/) noexcept {
  ::pthread_kill(::pthread_self(), signum);
}

}  // namespace procpool::posix
