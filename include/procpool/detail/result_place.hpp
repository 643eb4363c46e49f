// SPDX-License-Identifier: MIT
/// \file
/// How a caller that waits is given a long string or vector: it arrives in the value that the call returns,
/// and is not decoded.
#pragma once

#include <procpool/detail/archive_std.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace procpool::detail {

/// Where the elements of a long result go as they arrive. Used by one thread at a time, while the call has
/// not settled.
class ResultPlace {
 public:
  /// So many elements are on their way, in so many bytes. False if that makes no sense: then the result has
  /// to be kept as it is, for somebody to find out what is wrong with it.
  virtual bool begin(std::uint64_t elements, std::size_t bytes) noexcept = 0;
  /// The next of the bytes. Throws std::bad_alloc; then no more of them may come.
  virtual void append(const std::byte* bytes, std::size_t count) = 0;

 protected:
  ~ResultPlace() = default;
};

/// With the library's own traits and allocator: any other is the user's code, which may do anything.
template <class T>
inline constexpr bool has_place = false;
template <class C>
inline constexpr bool has_place<std::basic_string<C>> = archives::is_blittable<C>;
template <class T>
inline constexpr bool has_place<std::vector<T>> = archives::is_blittable<T>;

/// A ResultPlace in a T.
template <class T>
class PlaceIn final : public ResultPlace {
 public:
  bool begin(std::uint64_t elements, std::size_t bytes) noexcept override {
    value_.clear();
    arrived_ = 0;
    expected_ = bytes;
    return bytes % element_bytes == 0 && elements == bytes / element_bytes && elements <= value_.max_size();
  }
  void append(const std::byte* bytes, std::size_t count) override {
    // A worker that only says that it sends so much more shall not cost so much.
    if (arrived_ == 0) value_.reserve((std::min)(expected_, longest_believed) / element_bytes);
    if (arrived_ + count > longest_believed) value_.reserve(expected_ / element_bytes);
    while (count != 0) {
      // As archives::fill() does it, and why.
      const std::size_t part = (std::min)(count, std::size_t{16} << 10);
      value_.resize((arrived_ + part + element_bytes - 1) / element_bytes);
      std::memcpy(reinterpret_cast<std::byte*>(value_.data()) + arrived_, bytes, part);
      arrived_ += part;
      bytes += part;
      count -= part;
    }
  }

  /// The whole result is here.
  [[nodiscard]] bool full() const noexcept { return expected_ != 0 && arrived_ == expected_; }
  [[nodiscard]] T& value() noexcept { return value_; }

 private:
  static constexpr std::size_t element_bytes = sizeof(typename T::value_type);
  static constexpr std::size_t longest_believed = std::size_t{64} << 20;

  T value_;
  std::size_t expected_ = 0;
  std::size_t arrived_ = 0;
};

}  // namespace procpool::detail
