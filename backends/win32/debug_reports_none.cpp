// SPDX-License-Identifier: MIT
// For compilers without a debug runtime.
#include "win32/process_setup.hpp"

namespace procpool::win32 {

void avoid_debug_dialogs() noexcept {}

}  // namespace procpool::win32
