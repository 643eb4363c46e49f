// SPDX-License-Identifier: MIT
/// \file
/// ValuesPlace: where the results of a map go, if they are numbers and the caller waits for them.
#pragma once

#include <cstddef>

namespace procpool::detail {

/// An array of the caller's with one element for each item. Lent until the map has settled.
struct ValuesPlace {
  std::byte* data = nullptr;
  std::size_t value_size = 0;
  bool full = false;  ///< in the end: every item has a value, and all are there
};

}  // namespace procpool::detail
