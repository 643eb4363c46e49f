// SPDX-License-Identifier: MIT
/// \file
/// Payload: the bytes of a job, which are first what is sent and then what came back.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace procpool::detail {

/// Keeps short bytes in the room behind it, so that they cost no allocation, and long ones in the memory in
/// which they grew, so that they are not copied. It is the last member of its owner, which is allocated with
/// that room. Shorter than 2 GiB, as all messages are.
class Payload {
 public:
  /// How much room there has to be: for these bytes, and for an answer that is as long or short.
  [[nodiscard]] static std::size_t room_for(const ByteBuffer& bytes) noexcept {
    return std::max(is_short(bytes) ? bytes.size() : 0, least_room);
  }

  explicit Payload(ByteBuffer&& bytes) noexcept
      : size_(static_cast<std::uint32_t>(bytes.size())), room_(static_cast<std::uint32_t>(room_for(bytes))) {
    if (is_short(bytes)) {
      copy(room(), bytes);
    } else {
      block_ = bytes.take_block();
    }
  }
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;

  /// Throws std::bad_alloc, and is as before then.
  void replace(ByteBuffer&& bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (!is_short(bytes)) {
      block_ = bytes.take_block();
    } else if (size <= room_) {
      copy(room(), bytes);
      block_.clear();
    } else {
      ByteBlock block;
      block.grow(size);
      copy(block.data(), bytes);
      block_ = std::move(block);
    }
    size_ = size;
  }

  [[nodiscard]] std::span<const std::byte> view() const noexcept {
    return {block_.data() != nullptr ? block_.data() : reinterpret_cast<const std::byte*>(this + 1), size_};
  }

 private:
  /// What most results of numbers need. A million jobs may wait, so more is not given for nothing.
  static constexpr std::size_t least_room = 24;

  [[nodiscard]] static bool is_short(const ByteBuffer& bytes) noexcept {
    return bytes.size() <= ByteBuffer::inline_capacity;
  }
  static void copy(std::byte* to, const ByteBuffer& bytes) noexcept {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  [[nodiscard]] std::byte* room() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  ByteBlock block_;
  std::uint32_t size_;
  std::uint32_t room_;
};

}  // namespace procpool::detail
