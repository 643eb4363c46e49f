// SPDX-License-Identifier: MIT
#include "win32/registered_wait.hpp"

#include "win32/system_error.hpp"
#include "win32/wait_time.hpp"

#include <utility>

namespace procpool::win32 {

RegisteredWait::RegisteredWait(HANDLE object, Times times, std::function<void()> action,
                               std::optional<Duration> timeout)
    : action_(std::move(action)), ended_(make_event()) {
  if (!ended_) throw_spawn_error("cannot wait for a worker (CreateEvent)", last_error());
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
  // INVALID_HANDLE_VALUE would wait by itself. But Wine 8 then cancels a call that its thread is about to
  // make without having the lock for that: it crashes, or the call comes when this object is gone.
  if (::UnregisterWaitEx(wait_, ended_.get()) != 0 || ::GetLastError() == ERROR_IO_PENDING) {
    ::WaitForSingleObject(ended_.get(), INFINITE);
  }
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
