// SPDX-License-Identifier: MIT
/// \file
/// Errors of the operating system as procpool's.
#pragma once

#include <procpool/errors.hpp>

#include <cerrno>
#include <string>
#include <system_error>

namespace procpool::posix {

[[nodiscard]] inline std::error_code to_error_code(int error) noexcept {
  return {error, std::generic_category()};
}

/// The error of the system call that has just failed.
[[nodiscard]] inline std::error_code last_error() noexcept {
  return to_error_code(errno);
}

/// `what` says what could not be done, without a full stop: "cannot make a control socket".
[[noreturn]] inline void throw_spawn_error(const std::string& what, std::error_code code) {
  throw SpawnError("procpool: " + what, code);  // which adds the code's message
}

}  // namespace procpool::posix
