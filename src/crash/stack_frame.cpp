// SPDX-License-Identifier: MIT
#include <procpool/stack_frame.hpp>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <sstream>
#include <string>

namespace procpool {
namespace {

/// Names come from a process that has crashed: nothing in them may steer a terminal.
std::string printable(const std::string& text) {
  std::string clean = text;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return clean;
}

void put_hex(std::ostream& out, std::uint64_t number) {
  out << "0x" << std::hex << number << std::dec;
}

}  // namespace

std::string StackFrame::to_string() const {
  std::ostringstream out;
  if (!function.empty()) {
    out << printable(function) << '+';
    put_hex(out, function_offset);
    out << " in ";
  }
  if (!image.empty()) {
    out << printable(image) << '+';
    put_hex(out, offset);
  } else {
    put_hex(out, address);
  }
  return out.str();
}

std::string to_string(std::span<const StackFrame> stack) {
  std::ostringstream out;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    out << '#' << i << (i < 10 ? "  " : " ") << stack[i].to_string() << '\n';
  }
  return out.str();
}

}  // namespace procpool
