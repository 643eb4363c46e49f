// SPDX-License-Identifier: MIT
/// \file
/// MapResults: the encoded results of many items.
#pragma once

#include <procpool/byte_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace procpool::detail {

/// Results come in any order, and each is looked at only when it was kept. Memory is not touched before.
class MapResults {
 public:
  explicit MapResults(std::size_t items) : slots_(std::make_unique_for_overwrite<Slot[]>(items)) {}

  void keep(std::size_t item, std::span<const std::byte> bytes) {
    Slot& slot = slots_[item];
    slot.length = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() <= sizeof slot.bytes) {
      if (!bytes.empty()) std::memcpy(slot.bytes, bytes.data(), bytes.size());
      return;
    }
    const std::uint64_t position = long_.size();
    std::memcpy(slot.bytes, &position, sizeof position);
    long_.append(bytes);
  }
  /// The same for `count` items, once.
  void keep(std::size_t first, std::span<const std::byte> bytes, std::uint32_t count) {
    keep(first, bytes);
    std::fill_n(&slots_[first] + 1, count - 1, slots_[first]);
  }
  [[nodiscard]] std::span<const std::byte> operator[](std::size_t item) const noexcept {
    const Slot& slot = slots_[item];
    if (slot.length <= sizeof slot.bytes) return {slot.bytes, slot.length};
    std::uint64_t position = 0;
    std::memcpy(&position, slot.bytes, sizeof position);
    return long_.view().subspan(static_cast<std::size_t>(position), slot.length);
  }

 private:
  struct Slot {
    std::uint32_t length;
    std::byte bytes[12];  ///< or, of a longer one, the position in long_
  };

  std::unique_ptr<Slot[]> slots_;
  ByteBuffer long_;
};

}  // namespace procpool::detail
