// SPDX-License-Identifier: MIT
#include "ntstatus_name.hpp"
#include "signal_name.hpp"

#include <procpool/exit_status.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace procpool {

namespace {

/// NTSTATUS values, which people know by their hexadecimal form and by name.
std::string code_text(std::int64_t code) {
  if (!detail::is_crash_code(code)) return std::to_string(code);
  std::array<char, 8> digits{};
  std::to_chars(digits.data(), digits.data() + digits.size(), code, 16);
  std::string text = "0x" + std::string(digits.data(), digits.size());
  const std::string_view name = detail::ntstatus_name(code);
  if (!name.empty()) text.append(" (").append(name).append(")");
  return text;
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
