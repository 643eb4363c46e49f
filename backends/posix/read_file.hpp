// SPDX-License-Identifier: MIT
/// \file
/// Reading of the small files of procfs.
#pragma once

#include "posix/unique_fd.hpp"

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

namespace procpool::posix {

using SmallFile = std::array<char, 8192>;

/// The beginning of a file as a string; false if it cannot be read. Unlike std::ifstream it takes no lock, so
/// that it may be used in a child of a host with threads.
[[nodiscard]] inline bool read_file(const char* path, SmallFile& text) noexcept {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  const ssize_t count = ::read(fd.get(), text.data(), text.size() - 1);
  if (count < 0) return false;
  text[static_cast<std::size_t>(count)] = '\0';
  return true;
}

/// The number in a line "NAME: 123 kB" of such a file, in bytes; `name` is given as "\nNAME:".
[[nodiscard]] inline std::optional<std::uint64_t> find_bytes(const SmallFile& text,
                                                             const char* name) noexcept {
  const char* at = std::strstr(text.data(), name);
  std::uint64_t kilobytes = 0;
  if (at == nullptr || std::sscanf(at + std::strlen(name), "%" SCNu64, &kilobytes) != 1) return std::nullopt;
  return kilobytes * 1024;
}

}  // namespace procpool::posix
