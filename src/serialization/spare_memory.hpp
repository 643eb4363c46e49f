// SPDX-License-Identifier: MIT
/// \file
/// The memory of large messages, kept for the next ones. Any thread, and after a fork.
///
/// A system gives memory page by page as it is first written, and takes it back when it is freed: for a
/// message of megabytes that costs more than to copy it.
#pragma once

#include <cstddef>

namespace procpool::detail {

/// What malloc(3) gave, and of which somebody else knows the size.
struct SpareMemory {
  void* block = nullptr;
  std::size_t size = 0;
};

inline constexpr std::size_t smallest_spare = std::size_t{256} << 10;
inline constexpr std::size_t largest_spare = std::size_t{16} << 20;

/// At least `size` bytes, or nothing. For free(3) or keep_spare_memory() in the end.
[[nodiscard]] SpareMemory take_spare_memory(std::size_t size) noexcept;

/// From now on nothing is kept: for a process whose memory is limited, where it would count.
void keep_no_spare_memory() noexcept;

/// Takes the block over. A process keeps two; what is more, smaller or larger than said above is freed.
void keep_spare_memory(SpareMemory memory) noexcept;

}  // namespace procpool::detail
