// SPDX-License-Identifier: MIT
/// \file
/// make_error: an error in any case.
#pragma once

#include <exception>
#include <utility>

namespace procpool::detail {

/// The error that `make` returns; if there is no memory for it, the std::bad_alloc that `make` throws.
template <class Make>
std::exception_ptr make_error(Make&& make) noexcept {
  try {
    return std::forward<Make>(make)();
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace procpool::detail
