// SPDX-License-Identifier: MIT
/// \file
/// Bounded waits for a descriptor.
#pragma once

#include <procpool/types.hpp>

#include <optional>
#include <span>

#include <poll.h>

namespace procpool::posix {

/// A point in time, or never.
class Deadline {
 public:
  explicit Deadline(std::optional<Duration> timeout) noexcept;
  [[nodiscard]] bool passed() const noexcept;
  /// For poll(): milliseconds, rounded up, so that a wait is never shorter than asked for; -1 for ever.
  [[nodiscard]] int milliseconds_left() const noexcept;

 private:
  std::optional<TimePoint> due_;
};

/// Waits until one of the poll(2) `events` or an error is there; false once the deadline has passed. -1 for
/// `fd` only waits. Goes on after signals.
bool wait_for(int fd, short events, const Deadline& deadline) noexcept;
/// The same for several, each with its events.
bool wait_for_any(std::span<pollfd> polled, const Deadline& deadline) noexcept;

}  // namespace procpool::posix
