// SPDX-License-Identifier: MIT
/// \file
/// available_cpus: how many processors this process may use. Defined by the backend of the platform.
#pragma once

#include <cstddef>

namespace procpool::detail {

/// Respects the affinity of the calling thread and, where the system has them, the quotas of control groups
/// (a quota of 1.5 processors counts as 2). At least 1.
[[nodiscard]] std::size_t available_cpus();

}  // namespace procpool::detail
