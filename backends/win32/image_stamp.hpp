// SPDX-License-Identifier: MIT
/// \file
/// ImageStamp: what is in the header of a program or DLL both in memory and in its file, and changes with
/// each build.
#pragma once

#include <cstdint>
#include <string>

#include <windows.h>

namespace procpool::win32 {

struct ImageStamp {
  std::uint32_t time = 0;
  std::uint32_t size_of_image = 0;
  std::uint32_t checksum = 0;
  friend bool operator==(const ImageStamp&, const ImageStamp&) = default;
};

[[nodiscard]] ImageStamp stamp_of_loaded(HMODULE module) noexcept;
/// All zero if the file cannot be read or is no image. `path` is UTF-8.
[[nodiscard]] ImageStamp stamp_of_file(const std::string& path);

}  // namespace procpool::win32
