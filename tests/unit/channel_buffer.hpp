// SPDX-License-Identifier: MIT
/// \file
/// ChannelBuffer: plain memory of a channel, all zero, as a backend would give it.
#pragma once

#include "channel/layout.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace procpool::testing {

class ChannelBuffer {
 public:
  ChannelBuffer() { std::memset(memory_.get(), 0, size); }

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {memory_.get(), size}; }
  [[nodiscard]] detail::ChannelMemory& shared() noexcept {
    return *reinterpret_cast<detail::ChannelMemory*>(memory_.get());
  }

 private:
  static constexpr std::size_t size = sizeof(detail::ChannelMemory);
  static constexpr std::align_val_t alignment{alignof(detail::ChannelMemory)};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, alignment); }
  };

  std::unique_ptr<std::byte, Free> memory_{static_cast<std::byte*>(::operator new(size, alignment))};
};

}  // namespace procpool::testing
