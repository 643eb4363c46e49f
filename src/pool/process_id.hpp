// SPDX-License-Identifier: MIT
/// \file
/// The id of this process. Defined by the backend of the platform.
#pragma once

#include <procpool/types.hpp>

namespace procpool::detail {

[[nodiscard]] Pid current_process_id() noexcept;

}  // namespace procpool::detail
