// SPDX-License-Identifier: MIT
/// \file
/// Names of signals. A matter of the platform, implemented in backends/.
#pragma once

#include <string_view>

namespace procpool::detail {

/// "SIGSEGV"; empty for a number that the platform has no name for.
[[nodiscard]] std::string_view signal_name(int signum) noexcept;

}  // namespace procpool::detail
