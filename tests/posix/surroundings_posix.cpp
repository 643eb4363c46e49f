// SPDX-License-Identifier: MIT
#include "posix/surroundings.hpp"

#include <csignal>

#include <dlfcn.h>
#include <unwind.h>

namespace procpool::testing {

namespace {

int count_frames() {
  int count = 0;
  _Unwind_Backtrace(
      [](_Unwind_Context*, void* data) {
        ++*static_cast<int*>(data);
        return _URC_NO_REASON;
      },
      &count);
  return count;
}

volatile std::sig_atomic_t frames_in_handler = 0;

}  // namespace

std::string no_stack_of_crashes() {
  const auto before = std::signal(SIGUSR1, [](int) { frames_in_handler = count_frames(); });
  std::raise(SIGUSR1);
  std::signal(SIGUSR1, before);
  return frames_in_handler > count_frames() ? "" : "the unwinder does not get past a signal's handler here";
}

std::string exit_runs_handlers_of_host() {
  constexpr bool has_on_exit = PROCPOOL_TEST_HAS_ON_EXIT != 0;
  return has_on_exit ? "" : "this C library has no on_exit(), which would keep the handlers from running";
}

std::string no_shared_libraries() {
  // The program itself, since tests want their libraries not loaded.
  if (::dlopen(nullptr, RTLD_LAZY | RTLD_LOCAL) != nullptr) return {};
  const char* const reason = ::dlerror();
  return reason != nullptr ? reason : "for no reason that dlerror() tells";
}

}  // namespace procpool::testing
