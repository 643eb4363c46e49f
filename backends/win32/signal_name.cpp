// SPDX-License-Identifier: MIT
// The signals that the C library of Windows has, and SIGKILL, which the backend tells of workers that it has
// killed: libuv gives it the number 9 there too.
#include "signal_name.hpp"

#include <csignal>
#include <string_view>

namespace procpool::detail {

std::string_view signal_name(int signum) noexcept {
  constexpr int sigkill = 9;
  constexpr int sigbreak = 21;
  switch (signum) {
    case SIGINT:
      return "SIGINT";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case sigkill:
      return "SIGKILL";
    case SIGSEGV:
      return "SIGSEGV";
    case SIGTERM:
      return "SIGTERM";
    case sigbreak:
      return "SIGBREAK";
    case SIGABRT:
      return "SIGABRT";
    default:
      return {};
  }
}

}  // namespace procpool::detail
