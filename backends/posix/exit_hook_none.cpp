// SPDX-License-Identifier: MIT
// For C libraries without on_exit() (macOS, musl). An atexit() handler is not told the status, and a true
// status counts for more: exit() in a task runs the host's handlers in the worker.
#include "posix/process_setup.hpp"

namespace procpool::posix {

void skip_exit_handlers_of_host() noexcept {}

}  // namespace procpool::posix
