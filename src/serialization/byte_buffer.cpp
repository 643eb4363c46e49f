// SPDX-License-Identifier: MIT
#include <procpool/byte_buffer.hpp>
#include <procpool/errors.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

namespace procpool::detail {

void ByteBuffer::grow(std::size_t count) {
  if (count > limit_ || size_ > limit_ - count) {
    throw SerializationError("a message of more than " + std::to_string(limit_) +
                             " bytes is above PoolOptions::max_message_size");
  }
  const std::size_t wanted = std::max(size_ + count, capacity_ * 2);
  auto* memory = static_cast<std::byte*>(std::realloc(heap_, wanted));
  if (memory == nullptr) throw std::bad_alloc();
  if (heap_ == nullptr) std::memcpy(memory, inline_, size_);
  heap_ = memory;
  capacity_ = wanted;
  usable_ = std::min(capacity_, limit_);
}

void ByteBuffer::release() noexcept {
  std::free(heap_);
  heap_ = nullptr;
}

}  // namespace procpool::detail
