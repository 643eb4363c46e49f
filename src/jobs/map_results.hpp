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
#include <optional>
#include <span>
#include <vector>

namespace procpool::detail {

/// Results come in any order, and each is looked at only when it was kept. Where all items have arguments of
/// the same size, values that are no longer take their place, if they have the length of the first that did.
/// Whatever else there is has a slot; those are memory that nobody touches before.
class MapResults {
 public:
  /// `items` outlives this, and does not grow. The arguments of an item are gone when its result is kept.
  explicit MapResults(MapItems& items) noexcept
      : places_(items.data()), place_size_(items.item_size()), items_(items.items()) {}
  /// Values of `place_size` bytes go to `places`, which may be where the arguments are.
  MapResults(MapItems& items, std::byte* places, std::size_t place_size) noexcept
      : places_(places), place_size_(place_size), value_size_(place_size), items_(items.items()) {}

  /// These throw std::bad_alloc; the arguments are still there then.
  void keep_value(std::size_t item, std::span<const std::byte> bytes) { keep_values(item, 1, bytes); }
  /// Of `count` items, all of one length.
  void keep_values(std::size_t first, std::uint32_t count, std::span<const std::byte> bytes) {
    const std::size_t size = bytes.size() / count;
    if (!value_size_ && size <= place_size_) value_size_ = size;
    if (size == value_size_) {
      copy_in_place(first, count, bytes);
      return;
    }
    for (std::size_t item = first; item < first + count; ++item) {
      keep_in_slot(item, bytes.first(size));
      bytes = bytes.subspan(size);
    }
  }
  /// What each of `count` items has, once.
  void keep_error(std::size_t first, std::uint32_t count, std::span<const std::byte> bytes) {
    keep_in_slot(first, bytes);
    for (std::size_t item = first + 1; item < first + count; ++item) {
      slots_[item] = slots_[first];
      has_slot_[item] = true;
    }
  }

  [[nodiscard]] std::span<const std::byte> operator[](std::size_t item) const noexcept {
    if (!slots_ || !has_slot_[item]) return {place(item), value_size_.value_or(0)};
    const Slot& slot = slots_[item];
    if (slot.length <= sizeof slot.bytes) return {slot.bytes, slot.length};
    std::uint64_t position = 0;
    std::memcpy(&position, slot.bytes, sizeof position);
    return long_.view().subspan(static_cast<std::size_t>(position), slot.length);
  }
  /// Every result that was kept is a value in its place.
  [[nodiscard]] bool all_in_place() const noexcept { return !slots_; }

 private:
  struct Slot {
    std::uint32_t length;
    std::byte bytes[12];  ///< or, of a longer one, the position in long_
  };
  [[nodiscard]] std::byte* place(std::size_t item) const noexcept { return places_ + item * place_size_; }

  void copy_in_place(std::size_t first, std::uint32_t count, std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) return;
    if (value_size_ == place_size_) {
      std::memcpy(place(first), bytes.data(), bytes.size());
      return;
    }
    for (std::size_t item = first; item < first + count; ++item) {
      std::memcpy(place(item), bytes.data(), *value_size_);
      bytes = bytes.subspan(*value_size_);
    }
  }

  void keep_in_slot(std::size_t item, std::span<const std::byte> bytes) {
    if (!slots_) {
      has_slot_.resize(items_);
      slots_ = std::make_unique_for_overwrite<Slot[]>(items_);
    }
    Slot& slot = slots_[item];
    if (bytes.size() > sizeof slot.bytes) {
      const std::uint64_t position = long_.size();
      long_.append(bytes);
      std::memcpy(slot.bytes, &position, sizeof position);
    } else if (!bytes.empty()) {
      std::memcpy(slot.bytes, bytes.data(), bytes.size());
    }
    slot.length = static_cast<std::uint32_t>(bytes.size());
    has_slot_[item] = true;
  }

  std::byte* places_;
  std::size_t place_size_;
  std::optional<std::size_t> value_size_;  ///< of those that lie in their places; none does yet
  std::size_t items_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<bool> has_slot_;
  ByteBuffer long_;
};

}  // namespace procpool::detail
