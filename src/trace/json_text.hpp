// SPDX-License-Identifier: MIT
/// \file
/// Writing JSON: texts and numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace procpool::detail {

/// Appends the text in quotes. Bytes that are no UTF-8 become U+FFFD, so that the whole stays valid.
void append_json(std::string& json, std::string_view text);
void append_json(std::string& json, std::uint64_t number);
/// Nanoseconds as microseconds with three decimals, which no double rounds.
void append_microseconds(std::string& json, std::int64_t nanoseconds);

}  // namespace procpool::detail
