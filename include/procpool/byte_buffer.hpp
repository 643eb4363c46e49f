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

/// Memory in which a ByteBuffer has grown. What is large is kept for the next one when it is given up.
class ByteBlock {
 public:
  ByteBlock() noexcept = default;
  ByteBlock(ByteBlock&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBlock& operator=(ByteBlock&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(capacity_, other.capacity_);
    other.clear();
    return *this;
  }
  ~ByteBlock() { clear(); }

  [[nodiscard]] std::byte* data() const noexcept { return memory_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  void clear() noexcept {
    if (memory_ != nullptr) give_up();
  }
  /// Makes it at least so large and keeps what it holds, or throws std::bad_alloc and is as before.
  PROCPOOL_EXPORT void grow(std::size_t capacity);

 private:
  PROCPOOL_EXPORT void give_up() noexcept;

  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

/// Contiguous bytes that grow at the end. Short contents live inside the object, so most arguments cost no
/// allocation. Throws SerializationError above its limit, which is that of a message.
class ByteBuffer {
 public:
  static constexpr std::size_t inline_capacity = 464;
  static constexpr std::size_t no_limit = SIZE_MAX;

  ByteBuffer() noexcept = default;
  explicit ByteBuffer(std::size_t limit) noexcept { set_limit(limit); }
  ByteBuffer(ByteBuffer&& other) noexcept { take(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

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
  /// The memory of contents that do not fit into the object. The buffer is empty then.
  [[nodiscard]] ByteBlock take_block() noexcept {
    size_ = 0;
    usable_ = (std::min)(inline_capacity, limit_);
    return std::move(block_);
  }

  [[nodiscard]] std::byte* data() noexcept { return block_.data() != nullptr ? block_.data() : inline_; }
  [[nodiscard]] const std::byte* data() const noexcept {
    return block_.data() != nullptr ? block_.data() : inline_;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {data(), size_}; }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  /// Throws SerializationError if `count` more bytes are above the limit.
  PROCPOOL_EXPORT void check_limit(std::size_t count) const;
  void set_limit(std::size_t limit) noexcept {
    limit_ = limit;
    usable_ = (std::max)(size_, (std::min)(capacity(), limit_));
  }

 private:
  [[nodiscard]] std::size_t capacity() const noexcept {
    return block_.data() != nullptr ? block_.capacity() : inline_capacity;
  }
  PROCPOOL_EXPORT void grow(std::size_t count);
  void take(ByteBuffer& other) noexcept {
    block_ = std::move(other.block_);
    size_ = std::exchange(other.size_, 0);
    set_limit(other.limit_);
    other.set_limit(other.limit_);
    if (block_.data() == nullptr && size_ != 0) std::memcpy(inline_, other.inline_, size_);
  }

  ByteBlock block_;
  std::size_t size_ = 0;
  std::size_t limit_ = no_limit;
  std::size_t usable_ = inline_capacity;  ///< of the capacity, what the limit leaves
  std::byte inline_[inline_capacity];
};

}  // namespace procpool::detail
