// SPDX-License-Identifier: MIT
// on_exit (glibc): a handler that is told the status. Handlers run in the reverse order of their
// registration, so those of the host, which the fork copied, come after this one, which ends the process;
// those that a task registers come before and are run.
#include "posix/process_setup.hpp"

#include <cstdlib>

#include <unistd.h>

namespace procpool::posix {

void skip_exit_handlers_of_host() noexcept {
  ::on_exit(
      [](int status, void*) {
        flush_stdio();
        ::_exit(status);
      },
      nullptr);
}

}  // namespace procpool::posix
