// SPDX-License-Identifier: MIT
/// \file
/// ChannelBuffer: plain memory of a channel, all zero, as a backend would give it.
#pragma once

#include "channel/layout.hpp"
#include "helpers/zero_memory.hpp"

#include <cstddef>
#include <span>

namespace procpool::testing {

class ChannelBuffer {
 public:
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return memory_.bytes(); }
  [[nodiscard]] detail::ChannelMemory& shared() noexcept {
    return *reinterpret_cast<detail::ChannelMemory*>(memory_.bytes().data());
  }

 private:
  ZeroMemory memory_{sizeof(detail::ChannelMemory)};
};

}  // namespace procpool::testing
