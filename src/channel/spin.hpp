// SPDX-License-Identifier: MIT
/// \file
/// Spin: how long to look before sleeping.
#pragma once

#include <procpool/types.hpp>

#include <algorithm>
#include <chrono>

namespace procpool::detail {

/// Lets the CPU's other thread run for a moment. Defined by the backends: an instruction of the processor.
void cpu_relax() noexcept;
/// Lets another thread have this CPU.
void cpu_yield() noexcept;

/// A bounded look for something that another CPU is about to write, before one sleeps. It has two states. As
/// long as looks find something, each may take `length`. After some that did not, nobody looks, but for one
/// try now and then. That try is longer than it takes to wake a sleeping CPU, or two sides that answer at
/// once, but sleep meanwhile, would never find each other again. So a side whose counterpart is slow uses
/// next to no CPU, and an idle one, which is not asked, none.
class Spin {
 public:
  /// `length` 0: nobody ever looks, as where there is a single CPU.
  explicit Spin(Duration length) noexcept : length_(length) {}

  template <class Ready>
  bool until(Ready&& ready) {
    if (ready()) return true;
    if (length_ <= Duration::zero()) return false;
    const bool rests = failures_ == failures_before_rest;
    if (rests) {
      if (++skipped_ < skips_before_retry) return false;
      skipped_ = 0;
    }
    if (look(ready, rests ? length_ * retry_factor : length_)) {
      failures_ = 0;
      return true;
    }
    if (!rests) ++failures_;
    return false;
  }

 private:
  static constexpr int failures_before_rest = 4;
  static constexpr int skips_before_retry = 16;
  static constexpr int retry_factor = 3;

  template <class Ready>
  static bool look(Ready& ready, Duration length) {
    const TimePoint end = Clock::now() + length;
    for (int round = 1;; ++round) {
      for (int i = 0; i < 32; ++i) {
        cpu_relax();
        if (ready()) return true;
      }
      if (Clock::now() >= end) return false;
      if (round % 8 == 0) cpu_yield();
    }
  }

  Duration length_;
  int failures_ = 0;  ///< in a row
  int skipped_ = 0;
};

}  // namespace procpool::detail
