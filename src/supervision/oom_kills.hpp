// SPDX-License-Identifier: MIT
/// \file
/// oom_kills: evidence that the kernel kills for want of memory. Defined by the backend of the platform.
#pragma once

#include <cstdint>

namespace procpool::detail {

/// How many processes the kernel has killed for want of memory so far; 0 if it does not tell.
[[nodiscard]] std::uint64_t oom_kills() noexcept;

}  // namespace procpool::detail
