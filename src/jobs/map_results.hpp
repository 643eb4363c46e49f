// SPDX-License-Identifier: MIT
/// \file
/// MapResults: the encoded results of many items.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/map_items.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace procpool::detail {

/// Results come in any order, and each is looked at only when it was kept. Where all items have arguments of
/// the same size, a result that is no longer takes their place. Any other has a slot; those are memory that
/// nobody touches before.
class MapResults {
 public:
  /// `items` outlives this, and does not grow. The arguments of an item are gone when its result is kept.
  explicit MapResults(MapItems& items) noexcept
      : places_(items.data()), place_size_(items.item_size()), items_(items.items()) {}

  /// Throws std::bad_alloc; the arguments are still there then.
  void keep(std::size_t item, std::span<const std::byte> bytes) {
    const auto length = static_cast<std::uint32_t>(bytes.size());
    if (sizeof length + bytes.size() <= place_size_) {
      std::byte* const to = place(item);
      std::memcpy(to, &length, sizeof length);
      if (length != 0) std::memcpy(to + sizeof length, bytes.data(), bytes.size());
    } else {
      keep_in_slot(item, length, bytes);
    }
  }
  /// The same for `count` items, once.
  void keep(std::size_t first, std::span<const std::byte> bytes, std::uint32_t count) {
    keep(first, bytes);
    for (std::size_t item = first + 1; item < first + count; ++item) {
      if (place_size_ != 0) std::memcpy(place(item), place(first), place_size_);
      if (has_slot(first)) slots_[item] = slots_[first];
    }
  }
  [[nodiscard]] std::span<const std::byte> operator[](std::size_t item) const noexcept {
    if (!has_slot(item)) return {place(item) + sizeof(std::uint32_t), length_in_place(item)};
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
  /// In place of the length: the result has a slot.
  static constexpr std::uint32_t elsewhere = ~std::uint32_t{0};

  [[nodiscard]] std::byte* place(std::size_t item) const noexcept { return places_ + item * place_size_; }

  [[nodiscard]] std::uint32_t length_in_place(std::size_t item) const noexcept {
    std::uint32_t length = 0;
    std::memcpy(&length, place(item), sizeof length);
    return length;
  }
  [[nodiscard]] bool has_slot(std::size_t item) const noexcept {
    return place_size_ == 0 || length_in_place(item) == elsewhere;
  }

  void keep_in_slot(std::size_t item, std::uint32_t length, std::span<const std::byte> bytes) {
    if (!slots_) slots_ = std::make_unique_for_overwrite<Slot[]>(items_);
    Slot& slot = slots_[item];
    if (bytes.size() > sizeof slot.bytes) {
      const std::uint64_t position = long_.size();
      long_.append(bytes);
      std::memcpy(slot.bytes, &position, sizeof position);
    } else if (!bytes.empty()) {
      std::memcpy(slot.bytes, bytes.data(), bytes.size());
    }
    slot.length = length;
    if (place_size_ != 0) std::memcpy(place(item), &elsewhere, sizeof elsewhere);
  }

  std::byte* places_;
  std::size_t place_size_;  ///< length and bytes; 0: nothing has a place
  std::size_t items_;
  std::unique_ptr<Slot[]> slots_;
  ByteBuffer long_;
};

}  // namespace procpool::detail
