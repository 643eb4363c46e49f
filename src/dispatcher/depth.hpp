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
  [[nodiscard]] std::uint32_t jobs() const noexcept {
    const double count = static_cast<double>(horizon.count()) / mean_;
    return static_cast<std::uint32_t>(std::clamp(count, 2.0, static_cast<double>(ring_slots - 1)));
  }
  /// How many results to wait for before looking at them: those of `horizon`, one at least.
  [[nodiscard]] std::uint32_t results_per_look() const noexcept {
    return static_cast<std::uint32_t>(
        std::clamp(static_cast<double>(horizon.count()) / mean_, 1.0, static_cast<double>(ring_slots)));
  }

 private:
  bool measured_ = false;
  double mean_ = static_cast<double>(horizon.count());
};

}  // namespace procpool::detail
