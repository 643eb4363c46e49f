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

/// A bounded look for something that another CPU is about to write. A look that finds makes the next one
/// longer, one that fails makes it shorter, down to nothing: an idle side uses no CPU. Waking a sleeping CPU
/// costs some 30 us, so shorter looks than `shortest` are not worth their price.
class Spin {
 public:
  explicit Spin(Duration longest) noexcept : longest_(longest), length_(longest) {}

  template <class Ready>
  bool until(Ready&& ready) {
    if (ready()) return true;
    if (length_ < shortest) {
      // Now and then one try, to notice that times have changed.
      if (longest_ < shortest || ++skipped_ < skips_before_retry) return false;
      skipped_ = 0;
      length_ = shortest;
    }
    const TimePoint end = Clock::now() + length_;
    for (int round = 1;; ++round) {
      for (int i = 0; i < 32; ++i) {
        cpu_relax();
        if (ready()) {
          length_ = std::min(length_ * 2, longest_);
          return true;
        }
      }
      if (Clock::now() >= end) break;
      if (round % 8 == 0) cpu_yield();
    }
    length_ /= 2;
    return false;
  }

 private:
  static constexpr Duration shortest = std::chrono::microseconds(4);
  static constexpr int skips_before_retry = 16;

  Duration longest_;
  Duration length_;
  int skipped_ = 0;
};

}  // namespace procpool::detail
