// SPDX-License-Identifier: MIT
/// \file
/// What to tell of a worker that died with a job.
#pragma once

#include <procpool/exit_status.hpp>
#include <procpool/memory_size.hpp>
#include <procpool/types.hpp>

#include <exception>
#include <memory>

namespace procpool::detail {

struct LastWords;

/// A WorkerLostError for the job that a worker took along. `violation` says how it broke the channel's rules;
/// nullptr if it did not. `memory_is_short`: the kernel has lately killed for want of memory. `last_words`
/// may be null.
[[nodiscard]] std::exception_ptr loss(Pid pid, ExitStatus status, const char* violation, bool memory_is_short,
                                      std::shared_ptr<const LastWords> last_words);

/// A Terminated, for a job.
[[nodiscard]] std::exception_ptr terminated(int signum);
/// A MemoryLimitExceeded.
[[nodiscard]] std::exception_ptr memory_limit_broken(Pid pid, MemorySize limit);
/// A TimeLimitExceeded.
[[nodiscard]] std::exception_ptr hard_limit_broken(Pid pid, Duration limit);

}  // namespace procpool::detail
