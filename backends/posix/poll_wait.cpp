// SPDX-License-Identifier: MIT
#include "posix/poll_wait.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

#include <poll.h>

namespace procpool::posix {

Deadline::Deadline(std::optional<Duration> timeout) noexcept {
  if (!timeout) return;
  const TimePoint now = Clock::now();
  if (*timeout < TimePoint::max() - now) due_ = now + *timeout;  // else: longer than the clock can count
}

bool Deadline::passed() const noexcept {
  return due_ && Clock::now() >= *due_;
}

int Deadline::milliseconds_left() const noexcept {
  if (!due_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
}

bool wait_for(int fd, short events, const Deadline& deadline) noexcept {
  pollfd polled{fd, events, 0};
  return wait_for_any({&polled, 1}, deadline);
}

bool wait_for_any(std::span<pollfd> polled, const Deadline& deadline) noexcept {
  for (;;) {
    const int count = ::poll(polled.data(), static_cast<nfds_t>(polled.size()), deadline.milliseconds_left());
    if (count > 0) return true;
    if (count < 0 && errno != EINTR && errno != EAGAIN) return true;  // let the caller's next call tell
    if (deadline.passed()) return false;
  }
}

}  // namespace procpool::posix
