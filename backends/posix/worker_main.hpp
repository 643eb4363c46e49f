// SPDX-License-Identifier: MIT
/// \file
/// work: what a worker process does from its first to its last moment.
#pragma once

#include "posix/role.hpp"
#include "posix/unique_fd.hpp"

#include <sys/types.h>

namespace procpool::posix {

/// What a new worker has been given.
struct WorkerStart {
  WorkerRole role;
  UniqueFd doorbell;
  UniqueFd bell;
  UniqueFd memory;
  UniqueFd errors;  ///< what shall be its stderr; empty: what it has as that
  pid_t launcher = 0;
};

/// Sets the process up, calls run_worker() and ends the process. Signal actions are as
/// restore_worker_signals() or an exec leaves them; signals may be blocked. Exit code 125: the worker could
/// not be set up; a line on stderr says why.
[[noreturn]] void work(WorkerStart start) noexcept;

}  // namespace procpool::posix
