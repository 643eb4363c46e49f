// SPDX-License-Identifier: MIT
/// \file
/// ResultBytes: where a worker encodes what a task returned.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <cstddef>

namespace procpool::detail {

/// Takes a long result to the host while it is being encoded.
class ResultStream {
 public:
  /// The task has ended with a result of `size` bytes, and cannot fail any more.
  virtual void begin(std::size_t size) noexcept = 0;
  /// `size` bytes in all. What comes after the host has gone is dropped.
  virtual void write(const void* bytes, std::size_t count) noexcept = 0;

 protected:
  ~ResultStream() = default;
};

/// A buffer, and a stream for results above `longest_in_buffer` whose size is known before they are encoded.
class ResultBytes {
 public:
  ResultBytes(ByteBuffer& buffer) noexcept : buffer_(&buffer) {}
  ResultBytes(ByteBuffer& buffer, ResultStream& stream, std::size_t longest_in_buffer) noexcept
      : buffer_(&buffer), stream_(&stream), longest_in_buffer_(longest_in_buffer) {}

  [[nodiscard]] ByteBuffer& buffer() const noexcept { return *buffer_; }
  /// nullptr: a result of this size goes into the buffer, which may refuse it.
  [[nodiscard]] ResultStream* stream_for(std::size_t size) const noexcept {
    return size > longest_in_buffer_ && size <= buffer_->limit() ? stream_ : nullptr;
  }

 private:
  ByteBuffer* buffer_;
  ResultStream* stream_ = nullptr;
  std::size_t longest_in_buffer_ = ByteBuffer::no_limit;
};

}  // namespace procpool::detail
