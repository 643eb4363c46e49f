// SPDX-License-Identifier: MIT
/// \file
/// Payload: the bytes of a job, which are first what is sent and then what came back.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace procpool::detail {

/// Keeps short bytes in room that its owner was allocated with, so that they cost no allocation, and long
/// ones in the memory in which they grew, so that they are not copied.
class Payload {
 public:
  /// The room that there should be: for these bytes, and for an answer that is as long or short.
  [[nodiscard]] static std::size_t room_for(const ByteBuffer& bytes) noexcept {
    return std::max(is_short(bytes) ? bytes.size() : 0, least_room);
  }

  /// `room` has the size that room_for() said, and lives as long as this.
  Payload(std::span<std::byte> room, ByteBuffer&& bytes) noexcept : room_(room), size_(bytes.size()) {
    if (is_short(bytes)) {
      copy(room_.data(), bytes);
    } else {
      block_ = bytes.take_block();
    }
  }

  /// Throws std::bad_alloc, and is as before then.
  void replace(ByteBuffer&& bytes) {
    const std::size_t size = bytes.size();
    if (!is_short(bytes)) {
      block_ = bytes.take_block();
    } else if (size <= room_.size()) {
      copy(room_.data(), bytes);
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
    return {block_.data() != nullptr ? block_.data() : room_.data(), size_};
  }

 private:
  static constexpr std::size_t least_room = 40;

  [[nodiscard]] static bool is_short(const ByteBuffer& bytes) noexcept {
    return bytes.size() <= ByteBuffer::inline_capacity;
  }
  static void copy(std::byte* to, const ByteBuffer& bytes) noexcept {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }

  std::span<std::byte> room_;
  ByteBlock block_;
  std::size_t size_;
};

}  // namespace procpool::detail
