// SPDX-License-Identifier: MIT
/// \file
/// MemorySize: an amount of memory that cannot be mistaken for a count.
#pragma once

#include <compare>
#include <cstdint>

namespace procpool {

/// An amount of memory in bytes. Written as a multiple of a unit: `200 * procpool::MiB`.
class MemorySize {
 public:
  constexpr MemorySize() noexcept = default;

  [[nodiscard]] static constexpr MemorySize from_bytes(std::uint64_t bytes) noexcept {
    return MemorySize(bytes);
  }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bytes_; }

  friend constexpr MemorySize operator*(std::uint64_t count, MemorySize unit) noexcept {
    return MemorySize(count * unit.bytes_);
  }
  friend constexpr MemorySize operator*(MemorySize unit, std::uint64_t count) noexcept {
    return count * unit;
  }
  friend constexpr MemorySize operator+(MemorySize a, MemorySize b) noexcept {
    return MemorySize(a.bytes_ + b.bytes_);
  }
  friend constexpr auto operator<=>(MemorySize, MemorySize) noexcept = default;

 private:
  explicit constexpr MemorySize(std::uint64_t bytes) noexcept : bytes_(bytes) {}

  std::uint64_t bytes_ = 0;
};

inline constexpr MemorySize KiB = MemorySize::from_bytes(1024);
inline constexpr MemorySize MiB = 1024 * KiB;
inline constexpr MemorySize GiB = 1024 * MiB;

}  // namespace procpool
