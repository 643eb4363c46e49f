// SPDX-License-Identifier: MIT
#include "trace/json_text.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace procpool::detail {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD in UTF-8

unsigned byte_at(std::string_view text, std::size_t index) noexcept {
  return static_cast<unsigned char>(text[index]);
}

/// The length of the UTF-8 sequence that the text begins with; 0 if it is none. Table 3-7 of the Unicode
/// standard: no overlong forms, no surrogates, nothing above U+10FFFF.
std::size_t utf8_length(std::string_view text) noexcept {
  const unsigned lead = byte_at(text, 0);
  std::size_t length = 0;
  unsigned least = 0x80;
  unsigned most = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) least = 0xA0;
    if (lead == 0xED) most = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) least = 0x90;
    if (lead == 0xF4) most = 0x8F;
  }
  if (length == 0 || text.size() < length) return 0;
  if (byte_at(text, 1) < least || byte_at(text, 1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte_at(text, i) < 0x80 || byte_at(text, i) > 0xBF) return 0;
  }
  return length;
}

void append_escape(std::string& json, unsigned code) {
  constexpr std::string_view digits = "0123456789abcdef";
  json += "\\u00";
  json += digits[code >> 4U];
  json += digits[code & 15U];
}

}  // namespace

void append_json(std::string& json, std::string_view text) {
  json += '"';
  while (!text.empty()) {
    const unsigned first = byte_at(text, 0);
    std::size_t length = 1;
    if (first >= 0x80) {
      length = utf8_length(text);
      json += length == 0 ? replacement : text.substr(0, length);
      if (length == 0) length = 1;
    } else if (first < 0x20 || first == 0x7F) {
      append_escape(json, first);
    } else {
      if (first == '"' || first == '\\') json += '\\';
      json += text[0];
    }
    text.remove_prefix(length);
  }
  json += '"';
}

void append_json(std::string& json, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  json.append(digits.data(), end);
}

void append_microseconds(std::string& json, std::int64_t nanoseconds) {
  std::uint64_t size = static_cast<std::uint64_t>(nanoseconds);
  if (nanoseconds < 0) {
    json += '-';
    size = 0 - size;
  }
  append_json(json, size / 1000);
  const std::uint64_t rest = size % 1000;
  json += '.';
  json += static_cast<char>('0' + rest / 100);
  json += static_cast<char>('0' + rest / 10 % 10);
  json += static_cast<char>('0' + rest % 10);
}

}  // namespace procpool::detail
