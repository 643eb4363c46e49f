// SPDX-License-Identifier: MIT
// The debug runtime of Microsoft's compiler asks in a window what to do about a failed check. In a release
// build these functions are macros for nothing.
#include "win32/process_setup.hpp"

#include <cstdlib>
#include <initializer_list>

#include <crtdbg.h>

namespace procpool::win32 {

void avoid_debug_dialogs() noexcept {
  _set_abort_behavior(0, _WRITE_ABORT_MSG | _CALL_REPORTFAULT);
  for ([[maybe_unused]] const int kind : {_CRT_ERROR, _CRT_ASSERT}) {
    static_cast<void>(_CrtSetReportMode(kind, _CRTDBG_MODE_FILE));
    static_cast<void>(_CrtSetReportFile(kind, _CRTDBG_FILE_STDERR));
  }
}

}  // namespace procpool::win32
