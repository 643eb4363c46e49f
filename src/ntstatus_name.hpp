// SPDX-License-Identifier: MIT
/// \file
/// What the exit codes of Windows programs that crashed mean.
#pragma once

#include <cstdint>
#include <string_view>

namespace procpool::detail {

/// "STATUS_ACCESS_VIOLATION"; empty for a code that has no well-known name.
[[nodiscard]] std::string_view ntstatus_name(std::int64_t code) noexcept;

/// True for a code that a program can hardly choose for itself: an NTSTATUS of severity "error", of the
/// system's or of a compiler's runtime, or that of abort() in a worker. exit(-1) gives no such code.
[[nodiscard]] bool is_crash_code(std::int64_t code) noexcept;

}  // namespace procpool::detail
