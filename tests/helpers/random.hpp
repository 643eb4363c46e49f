// SPDX-License-Identifier: MIT
/// \file
/// Random: numbers that are the same on every platform and in every run.
#pragma once

#include <cstdint>

namespace procpool::testing {

/// A generator for <random> and <algorithm>; xorshift32 (Marsaglia 2003).
class Random {
 public:
  using result_type = std::uint32_t;

  explicit Random(std::uint32_t seed) noexcept : state_(seed * 2654435761U + 1) {
    if (state_ == 0) state_ = 1;
    for (int i = 0; i < 4; ++i) (*this)();
  }
  static constexpr result_type min() noexcept { return 1; }
  static constexpr result_type max() noexcept { return 0xffffffff; }
  result_type operator()() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return state_;
  }
  /// From 0 to `end` - 1.
  std::uint32_t below(std::uint32_t end) noexcept { return (*this)() % end; }
  /// True once in `n` times.
  bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }

 private:
  std::uint32_t state_;
};

}  // namespace procpool::testing
