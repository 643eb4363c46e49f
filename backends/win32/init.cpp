// SPDX-License-Identifier: MIT
#include "win32/role.hpp"
#include "win32/start_record.hpp"
#include "win32/worker_main.hpp"

#include <procpool/init.hpp>

#include <atomic>
#include <cstdio>
#include <utility>

namespace procpool {

namespace {

std::atomic<bool> init_called{false};

}  // namespace

void init() {
  if (detail::initialized()) return;
  const bool asked_to_work = win32::is_worker_line(::GetCommandLineW());
  if (win32::has_role_marker()) {
    // If what started this program stripped its arguments, it stays an unclaimed worker.
    if (!asked_to_work) return;
    init_called = true;
    win32::UniqueHandle pipe = win32::inherited_pipe();
    win32::remove_role_marker();
    win32::be_worker(std::move(pipe));
  }
  if (asked_to_work) {
    // Started by a process that has died in the meantime, or by a user who has read about it somewhere.
    std::fprintf(stderr, "procpool: %s is for procpool's own use\n", win32::worker_argument);
    std::fflush(stderr);
    ::TerminateProcess(::GetCurrentProcess(), win32::bad_role);
  }
  init_called = true;
}

// The system's command line is what counts; a program may have changed its own.
void init(int /*argc*/, char** /*argv*/) {
  init();
}

void init(int /*argc*/, wchar_t** /*argv*/) {
  init();
}

namespace detail {

bool initialized() noexcept {
  return init_called.load();
}

bool is_unclaimed_worker() noexcept {
  return !initialized() && win32::has_role_marker();
}

}  // namespace detail
}  // namespace procpool
