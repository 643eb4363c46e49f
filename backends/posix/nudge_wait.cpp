// SPDX-License-Identifier: MIT
#include "posix/nudge_signal.hpp"
#include "worker/nudge.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>

#include <pthread.h>
#include <sys/select.h>

namespace procpool::detail {
namespace {

/// A worker that is a thread of its host gets no signals: it looks now and then.
constexpr Duration longest_sleep = std::chrono::milliseconds(50);

}  // namespace

void sleep_until_nudged(TimePoint until, const std::atomic<std::uint64_t>& word,
                        std::uint64_t value) noexcept {
  // Outside of pselect the signal has to wait, so that it cannot come between the look and the sleep.
  sigset_t nudge;
  sigset_t before;
  sigemptyset(&nudge);
  sigaddset(&nudge, posix::nudge_signal);
  pthread_sigmask(SIG_BLOCK, &nudge, &before);
  while (word.load(std::memory_order_acquire) != value) {
    const TimePoint now = Clock::now();
    if (until <= now) break;  // before the difference, which may be more than can be counted
    const auto slice = std::chrono::nanoseconds(std::min(until - now, longest_sleep)).count();
    timespec time{};
    time.tv_nsec = static_cast<long>(slice);
    ::pselect(0, nullptr, nullptr, nullptr, &time, &before);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// A signal interrupts where it arrives, and is over then.
void end_nudges() noexcept {}

}  // namespace procpool::detail
