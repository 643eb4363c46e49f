// SPDX-License-Identifier: MIT
/// \file
/// MapItems: the encoded arguments of many calls of one task.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace procpool::detail {

/// Items one after the other, in units of `chunksize` of them. A unit travels as one message. As long as all
/// items are of one length, nothing else is kept; as soon as one is of another, each stands behind its length
/// (32 bits).
class MapItems {
 public:
  MapItems(std::uint32_t chunksize, std::size_t max_message) noexcept
      : chunksize_(chunksize), max_message_(max_message) {}
  /// Items of one length that are written already, in memory that outlives their calls. A unit is no longer
  /// than a message may be.
  MapItems(std::uint32_t chunksize, std::span<std::byte> lent, std::size_t count)
      : chunksize_(chunksize), lent_(lent.data()), count_(count) {
    if (count != 0) item_size_ = lent.size() / count;
    check_units();
  }

  /// Adds one item: `encode(buffer)` appends its bytes and returns true, or false if there is none. Throws
  /// what that throws, and SerializationError if the unit would be longer than a message may be; nothing is
  /// added then. Not for items that are lent.
  template <class Encode>
  bool add(Encode&& encode) {
    const std::size_t at = bytes_.size();
    const bool opens_unit = left_in_unit_ == 0;
    if (opens_unit) {
      check_units();
      bytes_.set_limit(at + max_message_);
    }
    const std::size_t header = even_ ? 0 : length_bytes;
    try {
      if (!even_) bytes_.extend(length_bytes);
      if (!encode(bytes_)) {
        bytes_.truncate(at);
        return false;
      }
      const std::size_t size = bytes_.size() - at - header;
      if (count_ == 0) item_size_ = size;
      if (even_ && size != item_size_) {
        keep_lengths(at);
      } else if (!even_) {
        if (opens_unit) units_.push_back(at);
        put_length(bytes_, at, size);
      }
    } catch (...) {
      bytes_.truncate(at);
      throw;
    }
    left_in_unit_ = (opens_unit ? chunksize_ : left_in_unit_) - 1;
    ++count_;
    return true;
  }

  [[nodiscard]] std::uint32_t chunksize() const noexcept { return chunksize_; }
  [[nodiscard]] std::size_t items() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t units() const noexcept {
    return static_cast<std::uint32_t>((count_ + chunksize_ - 1) / chunksize_);
  }
  /// All are of one length, and none stands before them.
  [[nodiscard]] bool even() const noexcept { return even_; }
  /// What each item takes, if that is the same for all; 0 if it is not.
  [[nodiscard]] std::size_t item_size() const noexcept { return even_ ? item_size_ : 0; }
  /// Where the first item stands.
  [[nodiscard]] std::byte* data() noexcept { return lent_ != nullptr ? lent_ : bytes_.data(); }
  /// The bytes of `count` units.
  [[nodiscard]] std::span<const std::byte> units(std::uint32_t first, std::uint32_t count) const noexcept {
    const std::size_t begin = begin_of(first);
    return {(lent_ != nullptr ? lent_ : bytes_.data()) + begin, begin_of(first + count) - begin};
  }
  /// Those of a single item.
  [[nodiscard]] std::span<const std::byte> without_length(std::span<const std::byte> unit) const noexcept {
    return even_ ? unit : unit.subspan(length_bytes);
  }
  /// How many units, `most` at most and one at least, take no more than so many bytes.
  [[nodiscard]] std::uint32_t units_within(std::uint32_t first, std::uint32_t most,
                                           std::size_t bytes) const noexcept {
    std::uint32_t count = (std::min)(most, units() - first);
    while (count > 1 && begin_of(first + count) - begin_of(first) > bytes) count /= 2;
    return count;
  }

 private:
  static constexpr std::size_t length_bytes = sizeof(std::uint32_t);

  void check_units() const {
    if (count_ / chunksize_ < (std::numeric_limits<std::uint32_t>::max)()) return;
    throw std::length_error("procpool: a map has at most 4294967295 chunks: a larger chunksize makes fewer");
  }

  static void put_length(ByteBuffer& bytes, std::size_t at, std::size_t size) noexcept {
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(bytes.data() + at, &length, sizeof length);
  }

  /// Of all items so far, and of one more, whose bytes begin at `last`.
  void keep_lengths(std::size_t last) {
    MapItems uneven(chunksize_, max_message_);
    uneven.even_ = false;
    const auto add = [&](std::size_t begin, std::size_t size) {
      uneven.add([&](ByteBuffer& out) {
        out.append(bytes_.data() + begin, size);
        return true;
      });
    };
    for (std::size_t i = 0; i < count_; ++i) add(i * item_size_, item_size_);
    add(last, bytes_.size() - last);
    units_ = std::move(uneven.units_);
    bytes_ = std::move(uneven.bytes_);
    even_ = false;
  }

  [[nodiscard]] std::size_t begin_of(std::uint32_t unit) const noexcept {
    if (even_) return (std::min)(std::size_t{unit} * chunksize_, count_) * item_size_;
    return unit < units_.size() ? units_[unit] : bytes_.size();
  }

  std::uint32_t chunksize_;
  std::uint32_t left_in_unit_ = 0;
  std::size_t max_message_ = 0;
  std::byte* lent_ = nullptr;
  std::size_t count_ = 0;
  std::size_t item_size_ = 0;       ///< of the first
  bool even_ = true;                ///< so far
  std::vector<std::size_t> units_;  ///< where each begins, if the items are not even
  ByteBuffer bytes_;
};

}  // namespace procpool::detail
