// SPDX-License-Identifier: MIT
/// \file
/// Times as the wait functions of Windows take them.
#pragma once

#include <procpool/types.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

#include <windows.h>

namespace procpool::win32 {

/// A point in time, or never.
class Deadline {
 public:
  explicit Deadline(std::optional<Duration> timeout) noexcept {
    if (!timeout) return;
    const TimePoint now = Clock::now();
    if (*timeout < TimePoint::max() - now) due_ = now + *timeout;  // else: longer than the clock can count
  }
  [[nodiscard]] bool passed() const noexcept { return due_ && Clock::now() >= *due_; }
  /// Rounded up, so that a wait is never shorter than asked for, and at most a day: callers look again.
  [[nodiscard]] DWORD milliseconds_left() const noexcept {
    if (!due_) return INFINITE;
    constexpr long long day = 24LL * 60 * 60 * 1000;
    const long long left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - Clock::now()).count();
    return static_cast<DWORD>(std::clamp(left, 0LL, day));
  }

 private:
  std::optional<TimePoint> due_;
};

/// True once the object is signalled; false once the deadline has passed.
inline bool wait_for(HANDLE object, const Deadline& deadline) noexcept {
  for (;;) {
    const DWORD outcome = ::WaitForSingleObject(object, deadline.milliseconds_left());
    if (outcome == WAIT_OBJECT_0) return true;
    // The clock of waits is coarser than ours and may run a little ahead.
    if (outcome == WAIT_FAILED || deadline.passed()) return false;
  }
}

}  // namespace procpool::win32
