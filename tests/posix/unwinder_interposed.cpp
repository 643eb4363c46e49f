// SPDX-License-Identifier: MIT
// Where the dynamic linker finds functions, the program's own first.
#include "posix/crash_tasks.hpp"

#include <atomic>
#include <csignal>

#include <dlfcn.h>
#include <unistd.h>
#include <unwind.h>

// In place of the unwinder's own for the whole program: what a crash handler meets in a process that is worse
// off than a test can make it.
namespace {

using Function = _Unwind_Reason_Code (*)(_Unwind_Trace_Fn, void*);
/// Looked up while the program starts: a signal handler must not.
const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "_Unwind_Backtrace"));
std::atomic<int> unwinder_does{0};

}  // namespace
extern "C" __attribute__((visibility("default"))) _Unwind_Reason_Code _Unwind_Backtrace(
    _Unwind_Trace_Fn visit, void* data) {
  switch (static_cast<procpool::testing::crashes::Unwinder>(unwinder_does.load())) {
    case procpool::testing::crashes::Unwinder::hangs:
      for (;;) ::pause();
    case procpool::testing::crashes::Unwinder::faults:
      std::raise(SIGBUS);
      break;
    case procpool::testing::crashes::Unwinder::works:
      break;
  }
  return real(visit, data);
}

namespace procpool::testing::crashes {

bool unwinder_can_be_replaced() {
  return true;
}

void set_unwinder(Unwinder how) {
  unwinder_does = static_cast<int>(how);
}

}  // namespace procpool::testing::crashes
