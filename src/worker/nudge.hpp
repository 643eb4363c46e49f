// SPDX-License-Identifier: MIT
/// \file
/// Nudges: how the host gets the attention of a task that does not look.
#pragma once

#include <procpool/types.hpp>

#include <atomic>
#include <cstdint>

namespace procpool::detail {

/// Called in a worker after WorkerProcess::nudge(), at any moment of the task or between tasks; on POSIX
/// within a signal handler, so it may do only what is async-signal-safe. A nudge may come late, or without a
/// reason.
void on_nudge() noexcept;

/// Called in a worker on the thread of its tasks, between two of them: what a nudge of the one that has ended
/// still interrupts is none of the next one's. Defined by the backend of the platform.
void end_nudges() noexcept;

/// Sleeps until `until`, or until a nudge comes after which `word` is `value`. Defined by the backend of the
/// platform.
void sleep_until_nudged(TimePoint until, const std::atomic<std::uint64_t>& word,
                        std::uint64_t value) noexcept;

}  // namespace procpool::detail
