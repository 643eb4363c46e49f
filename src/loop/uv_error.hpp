// SPDX-License-Identifier: MIT
/// \file
/// Errors of libuv as std::error_code.
#pragma once

#include <system_error>

namespace procpool::detail {

/// `status` is below 0. libuv's numbers are those of errno, negated, on POSIX only.
[[nodiscard]] std::error_code uv_error(int status) noexcept;

}  // namespace procpool::detail
