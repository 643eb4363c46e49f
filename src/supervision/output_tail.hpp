// SPDX-License-Identifier: MIT
/// \file
/// OutputTail: the last bytes of a stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>

namespace procpool::detail {

/// Keeps the last `capacity` bytes of what is appended, and takes memory only as they come. For one thread at
/// a time.
class OutputTail {
 public:
  explicit OutputTail(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// Without the memory to keep as much, it keeps what it has room for from then on.
  void append(std::string_view bytes) noexcept {
    if (kept_.size() < capacity_ && !bytes.empty()) {
      const std::size_t count = std::min(capacity_ - kept_.size(), bytes.size());
      try {
        kept_.append(bytes.substr(0, count));
      } catch (const std::bad_alloc&) {
        capacity_ = kept_.size();
        append(bytes);
        return;
      }
      bytes.remove_prefix(count);
    }
    if (capacity_ == 0) return;
    if (bytes.size() > capacity_) bytes.remove_prefix(bytes.size() - capacity_);
    while (!bytes.empty()) {
      const std::size_t count = std::min(capacity_ - oldest_, bytes.size());
      std::copy_n(bytes.begin(), count, kept_.begin() + static_cast<std::ptrdiff_t>(oldest_));
      oldest_ = (oldest_ + count) % capacity_;
      bytes.remove_prefix(count);
    }
  }

  [[nodiscard]] std::string text() const { return kept_.substr(oldest_) + kept_.substr(0, oldest_); }

 private:
  std::size_t capacity_;
  std::size_t oldest_ = 0;  ///< where in kept_, once that is full
  std::string kept_;
};

}  // namespace procpool::detail
