// SPDX-License-Identifier: MIT
/// \file
/// ByteBuffer: where encoded arguments and results grow.
#pragma once

#include <procpool/export.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace procpool::detail {

/// Contiguous bytes that grow at the end. Short contents live inside the object, so a small argument costs
/// no allocation. Throws SerializationError above its limit, which is that of a message.
class ByteBuffer {
 public:
  static constexpr std::size_t inline_capacity = 40;
  static constexpr std::size_t no_limit = SIZE_MAX;

  ByteBuffer() noexcept = default;
  explicit ByteBuffer(std::size_t limit) noexcept { set_limit(limit); }
  ByteBuffer(ByteBuffer&& other) noexcept { take(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ~ByteBuffer() { release(); }

  void append(const void* bytes, std::size_t count) {
    if (count == 0) return;
    if (count > usable_ - size_) grow(count);
    std::memcpy(data() + size_, bytes, count);
    size_ += count;
  }
  void append(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }
  /// Adds `count` bytes with any contents and returns where they are.
  std::byte* extend(std::size_t count) {
    if (count > usable_ - size_) grow(count);
    size_ += count;
    return data() + size_ - count;
  }
  /// Shrinks only.
  void truncate(std::size_t size) noexcept {
    if (size < size_) size_ = size;
  }
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::byte* data() noexcept { return heap_ ? heap_ : inline_; }
  [[nodiscard]] const std::byte* data() const noexcept { return heap_ ? heap_ : inline_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {data(), size_}; }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  void set_limit(std::size_t limit) noexcept {
    limit_ = limit;
    usable_ = (std::max)(size_, (std::min)(capacity_, limit_));
  }

 private:
  PROCPOOL_EXPORT void grow(std::size_t count);
  PROCPOOL_EXPORT void release() noexcept;
  void take(ByteBuffer& other) noexcept {
    heap_ = std::exchange(other.heap_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, inline_capacity);
    set_limit(other.limit_);
    other.set_limit(other.limit_);
    if (!heap_) std::memcpy(inline_, other.inline_, size_);
  }

  std::byte* heap_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = inline_capacity;
  std::size_t limit_ = no_limit;
  std::size_t usable_ = inline_capacity;  ///< of the capacity, what the limit leaves
  std::byte inline_[inline_capacity];
};

}  // namespace procpool::detail
