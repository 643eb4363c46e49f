// SPDX-License-Identifier: MIT
/// \file
/// How much stack the calling thread has left. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace procpool::detail {

/// In bytes; SIZE_MAX where it cannot be known, as on a stack that the program has made itself.
[[nodiscard]] std::size_t stack_room() noexcept;

}  // namespace procpool::detail
