// SPDX-License-Identifier: MIT
/// \file
/// own_footprint: the memory of this process. Defined by the backend of the platform.
#pragma once

#include <cstdint>

namespace procpool::detail {

/// The private memory that this process occupies now, in bytes; 0 if the system does not tell.
[[nodiscard]] std::uint64_t own_footprint() noexcept;

}  // namespace procpool::detail
