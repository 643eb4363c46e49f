// SPDX-License-Identifier: MIT
/// \file
/// StackFrame: one place in the code of a worker that crashed.
#pragma once

#include <procpool/export.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace procpool {

/// A function that had not returned when its worker crashed. A plain value.
struct StackFrame {
  /// In the worker: of the instruction that crashed, or in a caller of some byte of the call.
  std::uint64_t address = 0;
  /// The path of the program or library; empty if the address lies in none.
  std::string image;
  /// Of the address in the image, as `addr2line -e IMAGE` takes it (on macOS: `atos`, counted from the load
  /// address); 0 without an image.
  std::uint64_t offset = 0;
  /// As it is written in source; empty if the image's file has no name for it, or is not the build any more
  /// that the worker had.
  std::string function;
  /// Of the address from the function's beginning.
  std::uint64_t function_offset = 0;

  /// For people: "decode(int)+0x1c in /usr/lib/libcodec.so+0x11a4", and less where less is known.
  [[nodiscard]] PROCPOOL_EXPORT std::string to_string() const;
};

/// One line for each frame, numbered from the innermost on.
[[nodiscard]] PROCPOOL_EXPORT std::string to_string(std::span<const StackFrame> stack);

}  // namespace procpool
