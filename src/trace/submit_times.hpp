// SPDX-License-Identifier: MIT
/// \file
/// SubmitTimes: when each of any number of jobs was submitted, in little memory.
#pragma once

#include <procpool/types.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <vector>

namespace procpool::detail {

/// Ids and times rise together, so a mark now and then tells enough. When there is no place left, every
/// second mark of the older half goes: the older a job is, the coarser is its time. For one thread at a time.
class SubmitTimes {
 public:
  /// `capacity`: of marks, at least 4; 16 bytes each.
  explicit SubmitTimes(std::size_t capacity) : capacity_(capacity) { marks_.reserve(capacity); }

  void add(JobId first, TimePoint when) noexcept {
    if (marks_.size() == capacity_) thin_out();
    marks_.push_back({first, when});  // within what was reserved
  }
  /// The time of the last mark at or before it, so never too late; nothing if that is not known.
  [[nodiscard]] std::optional<TimePoint> of(JobId job) const noexcept {
    const auto after = std::upper_bound(marks_.begin(), marks_.end(), job,
                                        [](JobId wanted, const Mark& mark) { return wanted < mark.first; });
    if (after == marks_.begin()) return std::nullopt;
    return std::prev(after)->when;
  }
  [[nodiscard]] std::size_t marks() const noexcept { return marks_.size(); }

 private:
  struct Mark {
    JobId first;
    TimePoint when;
  };

  /// The first stays, so that no job is without a time, and so does the younger half.
  void thin_out() noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      if (i % 2 == 0 || i >= capacity_ / 2) marks_[kept++] = marks_[i];
    }
    marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(kept), marks_.end());
  }

  std::size_t capacity_;
  std::vector<Mark> marks_;
};

}  // namespace procpool::detail
