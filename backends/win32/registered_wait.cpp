// SPDX-License-Identifier: MIT
#include "win32/registered_wait.hpp"

#include "win32/system_error.hpp"
#include "win32/wait_time.hpp"

#include <utility>

namespace procpool::win32 {

RegisteredWait::RegisteredWait(HANDLE object, Times times, std::function<void()> action,
                               std::optional<Duration> timeout)
    : action_(std::move(action)) {
  const WAITORTIMERCALLBACK call = [](void* self, BOOLEAN /*timed_out*/) {
    static_cast<RegisteredWait*>(self)->action_();
  };
  const ULONG flags = WT_EXECUTEINWAITTHREAD | (times == Times::once ? WT_EXECUTEONLYONCE : 0U);
  const DWORD milliseconds = Deadline(timeout).milliseconds_left();
  if (::RegisterWaitForSingleObject(&wait_, object, call, this, milliseconds, flags) == 0) {
    throw_spawn_error("cannot wait for a worker (RegisterWaitForSingleObject)", last_error());
  }
}

RegisteredWait::~RegisteredWait() {
  ::UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
}

void post_surely(EventLoop& loop, const std::function<void()>& action) noexcept {
  constexpr int tries = 1000;
  for (int i = 0; i < tries; ++i) {
    try {
      loop.post(action);
      return;
    } catch (...) {
      ::Sleep(10);
    }
  }
}

}  // namespace procpool::win32
