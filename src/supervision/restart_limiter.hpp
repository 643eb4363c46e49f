// SPDX-License-Identifier: MIT
/// \file
/// RestartLimiter: tells bad luck from a crash loop.
#pragma once

#include <procpool/types.hpp>

#include <cstddef>

namespace procpool::detail {

/// Counts restarts within a window of time that begins with the first of them, and starts anew whenever a
/// worker has accepted a job: what gets that far is no crash loop.
class RestartLimiter {
 public:
  RestartLimiter(std::size_t most, Duration window) noexcept : most_(most), window_(window) {}

  /// A worker was lost and shall be replaced; false if there have been too many.
  [[nodiscard]] bool allow(TimePoint now) noexcept {
    if (count_ == 0 || now - since_ >= window_) {
      since_ = now;
      count_ = 0;
    }
    return ++count_ <= most_;
  }
  void job_accepted() noexcept { count_ = 0; }

 private:
  std::size_t most_;
  Duration window_;
  std::size_t count_ = 0;
  TimePoint since_{};
};

}  // namespace procpool::detail
