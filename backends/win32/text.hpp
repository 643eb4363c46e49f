// SPDX-License-Identifier: MIT
/// \file
/// procpool's strings are UTF-8 on Windows, as libuv's are; the system's are UTF-16.
#pragma once

#include <string>
#include <string_view>

namespace procpool::win32 {

/// What is no text in the one becomes U+FFFD in the other.
[[nodiscard]] std::wstring to_wide(std::string_view text);
[[nodiscard]] std::string to_utf8(std::wstring_view text);

/// The path of a loaded module (an HMODULE; null for the program), with room for any length. Empty, with
/// GetLastError(), on failure.
[[nodiscard]] std::string module_path(void* module);

}  // namespace procpool::win32
