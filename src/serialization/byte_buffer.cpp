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

void ByteBuffer::grow(std::size_t count) {
  if (count > limit_ || size_ > limit_ - count) {
    throw SerializationError("a message of more than " + std::to_string(limit_) +
                             " bytes is above PoolOptions::max_message_size");
  }
  const std::size_t wanted = good_size(std::max(size_ + count, capacity_ * 2));
  if (const SpareMemory spare = take_spare_memory(wanted); spare.block != nullptr) {
    std::memcpy(spare.block, data(), size_);
    std::free(heap_);
    heap_ = static_cast<std::byte*>(spare.block);
    capacity_ = spare.size;
  } else {
    auto* memory = static_cast<std::byte*>(std::realloc(heap_, wanted));
    if (memory == nullptr) throw std::bad_alloc();
    if (heap_ == nullptr) std::memcpy(memory, inline_, size_);
    heap_ = memory;
    capacity_ = wanted;
  }
  usable_ = std::min(capacity_, limit_);
}

void ByteBuffer::release() noexcept {
  if (heap_ != nullptr) keep_spare_memory({heap_, capacity_});
  heap_ = nullptr;
}

}  // namespace procpool::detail
