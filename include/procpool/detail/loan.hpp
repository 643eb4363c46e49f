// SPDX-License-Identifier: MIT
/// \file
/// Loan: memory of a caller that waits, which its call uses.
#pragma once

#include <procpool/detail/lent_argument.hpp>
#include <procpool/detail/result_place.hpp>

namespace procpool::detail {

/// Lent until the call has settled, before which the caller does not go on.
struct Loan {
  LentArgument argument;
  ResultPlace* place = nullptr;

  [[nodiscard]] bool any() const noexcept { return !argument.bytes.empty() || place != nullptr; }
};

}  // namespace procpool::detail
