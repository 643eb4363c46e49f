// SPDX-License-Identifier: MIT
// A nudge queues a call into this thread, which ends its alertable waits; one that comes before the wait ends
// it too.
#include "win32/wait_time.hpp"
#include "worker/nudge.hpp"

#include <algorithm>
#include <chrono>

namespace procpool::detail {
namespace {

/// A worker that is a thread of its host is not nudged: it looks now and then.
constexpr Duration longest_sleep = std::chrono::milliseconds(50);

}  // namespace

void sleep_until_nudged(TimePoint until, const std::atomic<std::uint64_t>& word,
                        std::uint64_t value) noexcept {
  while (word.load(std::memory_order_acquire) != value) {
    const TimePoint now = Clock::now();
    if (until <= now) return;  // before the difference, which may be more than can be counted
    ::SleepEx(win32::Deadline(std::min(until - now, longest_sleep)).milliseconds_left(), TRUE);
  }
}

}  // namespace procpool::detail
