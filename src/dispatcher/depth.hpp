// SPDX-License-Identifier: MIT
/// \file
/// Depth: how many jobs to give a worker ahead of what it is doing.
#pragma once

#include "channel/layout.hpp"

#include <procpool/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace procpool::detail {

/// Keeps a running mean of what jobs take and says how many of them make `horizon` of work. Depth never
/// costs fairness, because what has not started can be taken back.
class Depth {
 public:
  /// Enough that a worker is not out of work before the host wakes up to bring more.
  static constexpr Duration horizon = std::chrono::microseconds(200);

  void add(Duration elapsed) noexcept {
    const double sample = static_cast<double>(std::max<Duration::rep>(elapsed.count(), 1));
    if (!measured_) {
      measured_ = true;
      mean_ = sample;
      return;
    }
    // One preempted job must not make all look slow.
    mean_ += (std::min(sample, 4 * mean_ + 1000) - mean_) / 16;
  }
  [[nodiscard]] std::uint32_t jobs() const noexcept { return jobs_in(horizon, 2, deepest); }
  /// How many jobs to wait for before looking at their results: those of `horizon`, one at least.
  [[nodiscard]] std::uint32_t jobs_per_look() const noexcept { return jobs_in(horizon, 1, deepest); }
  /// How many jobs take as long as to wake a worker.
  [[nodiscard]] std::uint32_t jobs_per_wake() const noexcept { return jobs_in(wake, 1, deepest); }
  /// How many jobs to send as one message: more do not make a message's share of their cost much smaller.
  [[nodiscard]] std::uint32_t jobs_per_pack() const noexcept {
    return jobs_in(pack_horizon, 1, most_in_pack);
  }

 private:
  static constexpr Duration pack_horizon = std::chrono::microseconds(20);
  static constexpr Duration wake = std::chrono::microseconds(20);
  static constexpr std::uint32_t deepest = 1U << 16;

  [[nodiscard]] std::uint32_t jobs_in(Duration time, std::uint32_t least, std::uint32_t most) const noexcept {
    return static_cast<std::uint32_t>(std::clamp(static_cast<double>(time.count()) / mean_,
                                                 static_cast<double>(least), static_cast<double>(most)));
  }

  bool measured_ = false;
  double mean_ = static_cast<double>(horizon.count());
};

}  // namespace procpool::detail
