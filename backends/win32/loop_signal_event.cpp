// SPDX-License-Identifier: MIT
// libuv's loop is a completion port on Windows, which nobody else may wait for.
#include "loop/loop_signal.hpp"
#include "win32/system_error.hpp"
#include "win32/unique_handle.hpp"

namespace procpool::detail {

namespace {

class EventSignal final : public LoopSignal {
 public:
  EventSignal() : event_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {
    if (!event_) win32::throw_spawn_error("cannot make an event (CreateEvent)", win32::last_error());
  }
  [[nodiscard]] NativeHandle handle() const noexcept override {
    return reinterpret_cast<NativeHandle>(event_.get());
  }
  void set() noexcept override { ::SetEvent(event_.get()); }
  void clear() noexcept override { ::ResetEvent(event_.get()); }

 private:
  win32::UniqueHandle event_;
};

}  // namespace

std::unique_ptr<LoopSignal> make_loop_signal() {
  return std::make_unique<EventSignal>();
}

}  // namespace procpool::detail
