// SPDX-License-Identifier: MIT
#include "win32/process_setup.hpp"

#include <csignal>
#include <cstdlib>

#include <windows.h>

namespace procpool::win32 {

namespace {

/// The C library's own end of abort() is a message, on some versions in a window, and the exit code 3.
void end_by_abort(int /*signum*/) {
  ::TerminateProcess(::GetCurrentProcess(), abort_status);
}

}  // namespace

void avoid_dialogs() noexcept {
  ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
  ::_set_error_mode(_OUT_TO_STDERR);  // of assert(), which has a window in programs without a console
  avoid_debug_dialogs();
  std::signal(SIGABRT, &end_by_abort);
}

}  // namespace procpool::win32
