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

/// A bounded look for something that another CPU is about to write, before one sleeps. While looks find, each
/// may take `length`. After one in vain the next is longer than it takes to wake a sleeping CPU: else two
/// sides that answer at once, but sleep meanwhile, would never find each other again. What is spent in vain
/// has to be earned by time that passes: a side whose counterpart is slow uses next to no CPU, and an idle
/// one, which is not asked, none.
class Spin {
 public:
  /// `length` 0: nobody ever looks, as where there is a single CPU.
  explicit Spin(Duration length) noexcept : length_(length), credit_(most_credit * length) {}

  template <class Ready>
  bool until(Ready&& ready) {
    if (ready()) return true;
    if (length_ <= Duration::zero()) return false;
    const TimePoint begin = Clock::now();
    credit_ = std::min(credit_ + (begin - earned_until_) / earning, most_credit * length_);
    earned_until_ = begin;
    const Duration length = finds_ ? length_ : long_look * length_;
    if (!finds_ && credit_ < length) return false;
    TimePoint now = begin;
    finds_ = look(ready, begin + length, now);
    if (!finds_ || now - begin > length_) credit_ -= now - begin;
    return finds_;
  }

 private:
  static constexpr int long_look = 3;    ///< in lengths
  static constexpr int most_credit = 5;  ///< in lengths
  static constexpr int earning = 128;    ///< a look in vain may take so much less than the time that passes

  template <class Ready>
  static bool look(Ready& ready, TimePoint end, TimePoint& now) {
    for (int round = 1;; ++round) {
      for (int i = 0; i < 32; ++i) {
        cpu_relax();
        if (ready()) return true;
      }
      now = Clock::now();
      if (now >= end) return false;
      if (round % 8 == 0) cpu_yield();
    }
  }

  Duration length_;
  Duration credit_;
  TimePoint earned_until_ = Clock::now();
  bool finds_ = true;  ///< the last look did
};

}  // namespace procpool::detail
