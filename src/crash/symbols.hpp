// SPDX-License-Identifier: MIT
/// \file
/// Names of functions in the images of another process. A matter of the platform, implemented in backends/.
#pragma once

#include "crash/crash_record.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace procpool::detail {

struct Symbol {
  std::string name;          ///< as people write it; empty if there is none
  std::uint64_t offset = 0;  ///< of the address from the function's beginning
};

/// The function's name for people. One in a file that this process does not run itself may be written by an
/// attacker, and is demangled only if it is short: ten characters more can double what becomes of it.
[[nodiscard]] std::string function_name(const std::string& symbol, bool trusted);

/// For each offset in the image the function that it lies in. Reads the image's file if it is the build that
/// the worker had, at the time of the call: milliseconds. What cannot be found is empty. Any thread. The
/// image's name and the file's contents are not trusted.
[[nodiscard]] std::vector<Symbol> find_symbols(const CrashRecord::Image& image,
                                               std::span<const std::uint64_t> offsets);

}  // namespace procpool::detail
