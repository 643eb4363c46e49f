// SPDX-License-Identifier: MIT
// For processors other than x86-64: the code that ends a worker is told, and not the place.
#include "win32/crash_handler.hpp"

namespace procpool::win32 {

void report_crashes(std::span<std::byte> /*memory*/) noexcept {}

}  // namespace procpool::win32
