// SPDX-License-Identifier: MIT
/// \file
/// MapItems: the encoded arguments of many calls of one task.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

namespace procpool::detail {

/// Positions of which the first is 0 and each is above the last. They take no memory as long as they are
/// evenly spaced, as items of a fixed size are.
class Positions {
 public:
  void push_back(std::size_t position) {
    if (uneven_.empty()) {
      if (count_ == 1) step_ = position;
      if (position == count_ * step_) {
        ++count_;
        return;
      }
      uneven_.reserve(2 * (count_ + 1));
      for (std::size_t i = 0; i < count_; ++i) uneven_.push_back(i * step_);
    }
    uneven_.push_back(position);
    ++count_;
  }
  [[nodiscard]] std::size_t operator[](std::size_t index) const noexcept {
    return uneven_.empty() ? index * step_ : uneven_[index];
  }
  [[nodiscard]] std::size_t back() const noexcept { return (*this)[count_ - 1]; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  std::size_t count_ = 0;
  std::size_t step_ = 0;
  std::vector<std::size_t> uneven_;
};

/// Items one after the other, each behind its length (32 bits), in units of `chunksize` of them. A unit
/// travels as one message.
class MapItems {
 public:
  MapItems(std::uint32_t chunksize, std::size_t max_message) noexcept
      : chunksize_(chunksize), max_message_(max_message) {}

  /// Adds one item: `encode(buffer)` appends its bytes and returns true, or false if there is none. Throws
  /// what that throws, and SerializationError if the unit would be longer than a message may be; nothing is
  /// added then.
  template <class Encode>
  bool add(Encode&& encode) {
    const std::size_t at = bytes_.size();
    const bool opens_unit = count_ % chunksize_ == 0;
    if (opens_unit && units_.size() == UINT32_MAX) {
      throw std::length_error(
          "procpool: a map has at most 4294967295 chunks: a larger chunksize makes fewer");
    }
    bytes_.set_limit((opens_unit ? at : units_.back()) + max_message_);
    const std::byte gap[sizeof(std::uint32_t)] = {};
    try {
      bytes_.append(gap, sizeof gap);
      if (!encode(bytes_)) {
        bytes_.truncate(at);
        return false;
      }
      if (opens_unit) units_.push_back(at);
    } catch (...) {
      bytes_.truncate(at);
      throw;
    }
    const auto length = static_cast<std::uint32_t>(bytes_.size() - at - sizeof gap);
    std::memcpy(bytes_.data() + at, &length, sizeof length);
    if (count_ == 0) item_size_ = sizeof gap + length;
    even_ = even_ && item_size_ == sizeof gap + length;
    ++count_;
    return true;
  }

  [[nodiscard]] std::uint32_t chunksize() const noexcept { return chunksize_; }
  [[nodiscard]] std::size_t items() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t units() const noexcept { return static_cast<std::uint32_t>(units_.size()); }
  /// What each item takes with its length, if that is the same for all; 0 if it is not.
  [[nodiscard]] std::size_t item_size() const noexcept { return even_ ? item_size_ : 0; }
  /// Where the first item stands.
  [[nodiscard]] std::byte* data() noexcept { return bytes_.data(); }
  /// The bytes of `count` units.
  [[nodiscard]] std::span<const std::byte> units(std::uint32_t first, std::uint32_t count) const noexcept {
    return bytes_.view().subspan(units_[first], end_of(first + count) - units_[first]);
  }
  /// How many units, `most` at most and one at least, take no more than so many bytes.
  [[nodiscard]] std::uint32_t units_within(std::uint32_t first, std::uint32_t most,
                                           std::size_t bytes) const noexcept {
    std::uint32_t count = (std::min)(most, units() - first);
    while (count > 1 && end_of(first + count) - units_[first] > bytes) count /= 2;
    return count;
  }

 private:
  [[nodiscard]] std::size_t end_of(std::uint32_t end) const noexcept {
    return end < units_.size() ? units_[end] : bytes_.size();
  }

  std::uint32_t chunksize_;
  std::size_t max_message_;
  std::size_t count_ = 0;
  std::size_t item_size_ = 0;  ///< of the first
  bool even_ = true;           ///< so far, all have it
  Positions units_;            ///< where each begins
  ByteBuffer bytes_;
};

}  // namespace procpool::detail
