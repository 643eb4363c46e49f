// SPDX-License-Identifier: MIT
/// \file
/// ArgumentBytes: the encoded arguments of one call, as a worker has them.
#pragma once

#include <cstddef>
#include <span>

namespace procpool::detail {

/// Arguments that are still on their way, because they are long.
class ArgumentStream {
 public:
  [[nodiscard]] virtual std::size_t left() const noexcept = 0;
  /// Takes the next `count` bytes and waits for them. Throws cereal::Exception if there will not be so many,
  /// std::runtime_error if the host is gone.
  virtual void read(void* to, std::size_t count) = 0;
  /// Takes all that is left, in one piece that is valid until the next job; called again, gives the same.
  /// Throws as read() does, and std::bad_alloc.
  virtual std::span<const std::byte> read_all() = 0;

 protected:
  ~ArgumentStream() = default;
};

/// Bytes that are here, or come in a stream.
class ArgumentBytes {
 public:
  ArgumentBytes() noexcept = default;
  ArgumentBytes(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  explicit ArgumentBytes(ArgumentStream& stream) noexcept : stream_(&stream) {}

  /// nullptr: they are here.
  [[nodiscard]] ArgumentStream* stream() const noexcept { return stream_; }
  /// All of them. They are read first if they come in a stream, with the errors of that.
  [[nodiscard]] std::span<const std::byte> whole() const {
    return stream_ == nullptr ? bytes_ : stream_->read_all();
  }

 private:
  std::span<const std::byte> bytes_;
  ArgumentStream* stream_ = nullptr;
};

}  // namespace procpool::detail
