// SPDX-License-Identifier: MIT
#include "spare_memory.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/errors.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

namespace procpool::detail {

namespace {

/// A little more for large messages, so that the next, which may be a little larger, can have the memory.
std::size_t good_size(std::size_t size) noexcept {
  if (size < smallest_spare || size > largest_spare) return size;
  return (size + smallest_spare - 1) / smallest_spare * smallest_spare;
}

}  // namespace

void ByteBlock::grow(std::size_t capacity) {
  const std::size_t wanted = good_size(capacity);
  if (const SpareMemory spare = take_spare_memory(wanted); spare.block != nullptr) {
    if (memory_ != nullptr) std::memcpy(spare.block, memory_, capacity_);
    std::free(memory_);
    memory_ = static_cast<std::byte*>(spare.block);
    capacity_ = spare.size;
    return;
  }
  auto* memory = static_cast<std::byte*>(std::realloc(memory_, wanted));
  if (memory == nullptr) throw std::bad_alloc();
  memory_ = memory;
  capacity_ = wanted;
}

void ByteBlock::give_up() noexcept {
  keep_spare_memory({memory_, capacity_});
  memory_ = nullptr;
  capacity_ = 0;
}

void ByteBuffer::check_limit(std::size_t count) const {
  if (count <= limit_ && size_ <= limit_ - count) return;
  throw SerializationError("a message of more than " + std::to_string(limit_) +
                           " bytes is above PoolOptions::max_message_size");
}

void ByteBuffer::grow(std::size_t count) {
  check_limit(count);
  const bool was_inline = block_.data() == nullptr;
  block_.grow(was_inline ? size_ + count : std::max(size_ + count, capacity() * 2));
  if (was_inline) std::memcpy(block_.data(), inline_, size_);
  usable_ = std::min(capacity(), limit_);
}

}  // namespace procpool::detail
