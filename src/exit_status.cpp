// SPDX-License-Identifier: MIT
#include "signal_name.hpp"

#include <procpool/exit_status.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace procpool {

namespace {

/// Codes of 32 bits with the highest bits set are NTSTATUS values, which people know by their hexadecimal
/// form.
std::string code_text(std::int64_t code) {
  constexpr std::int64_t first_status = 0xC0000000;
  constexpr std::int64_t last_status = 0xFFFFFFFF;
  if (code < first_status || code > last_status) return std::to_string(code);
  std::array<char, 8> digits{};
  std::to_chars(digits.data(), digits.data() + digits.size(), code, 16);
  return "0x" + std::string(digits.data(), digits.size());
}

}  // namespace

std::string ExitStatus::to_string() const {
  if (exited()) return "exit code " + code_text(code());
  if (!signaled()) return "unknown exit status";
  const std::string_view name = detail::signal_name(signal());
  std::string text = "signal " + std::to_string(signal());
  if (!name.empty()) text.append(" (").append(name).append(")");
  return text;
}

}  // namespace procpool
