// SPDX-License-Identifier: MIT
/// \file
/// Errors of Windows as procpool's.
#pragma once

#include <procpool/errors.hpp>

#include <string>
#include <system_error>

#include <windows.h>

namespace procpool::win32 {

/// The values that callers compare with std::errc are told as such, whatever the standard library makes of
/// the system's category (libstdc++ of MinGW does not map it).
[[nodiscard]] inline std::error_code to_error_code(DWORD error) noexcept {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
      return std::make_error_code(std::errc::no_such_file_or_directory);
    case ERROR_DIRECTORY:
      return std::make_error_code(std::errc::not_a_directory);
    case ERROR_ACCESS_DENIED:
      return std::make_error_code(std::errc::permission_denied);
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NO_SYSTEM_RESOURCES:
      return std::make_error_code(std::errc::not_enough_memory);
    case ERROR_TOO_MANY_OPEN_FILES:
      return std::make_error_code(std::errc::too_many_files_open);
    case ERROR_BAD_EXE_FORMAT:
      return std::make_error_code(std::errc::executable_format_error);
    default:
      return {static_cast<int>(error), std::system_category()};
  }
}

/// The error of the system call that has just failed.
[[nodiscard]] inline std::error_code last_error() noexcept {
  return to_error_code(::GetLastError());
}

/// `what` says what could not be done, without a full stop: "cannot make an event (CreateEvent)".
[[noreturn]] inline void throw_spawn_error(const std::string& what, std::error_code code) {
  throw SpawnError("procpool: " + what, code);  // which adds the code's message
}

}  // namespace procpool::win32
