// SPDX-License-Identifier: MIT
/// \file
/// MemoryShortage: makes operator new fail. A program that links it has another operator new.
#pragma once

#include <cstdint>

namespace procpool::testing {

/// Of the calling thread.
struct MemoryShortage {
  bool here = false;  ///< or allocations do not count
  std::uint32_t allocations_before = 0;
  std::uint32_t allocations_that_fail = 0;

  /// Counts an allocation.
  bool refuses() noexcept {
    if (!here) return false;
    if (allocations_before != 0) {
      --allocations_before;
      return false;
    }
    if (allocations_that_fail == 0) return false;
    --allocations_that_fail;
    return true;
  }
};

MemoryShortage& memory_shortage() noexcept;

}  // namespace procpool::testing
