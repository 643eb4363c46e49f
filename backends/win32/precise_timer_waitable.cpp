// SPDX-License-Identifier: MIT
// A waitable timer, of high resolution since Windows 10 1803; an ordinary one is as coarse as libuv's.
#include "loop/precise_timer.hpp"
#include "win32/registered_wait.hpp"
#include "win32/unique_handle.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <ratio>
#include <utility>

namespace procpool::detail {

namespace {

/// What is posted to the loop, and may be served after the timer is gone.
struct Due {
  std::function<void()> call;
  std::atomic<bool> posted{false};
};

class WaitableTimer final : public PreciseTimer {
 public:
  WaitableTimer(win32::UniqueHandle timer, EventLoop& loop, std::function<void()> on_due)
      : due_(std::make_shared<Due>()), timer_(std::move(timer)) {
    due_->call = std::move(on_due);
    const std::function<void()> serve = [weak = std::weak_ptr<Due>(due_)] {
      const auto due = weak.lock();
      if (!due) return;
      due->posted.store(false, std::memory_order_seq_cst);
      due->call();
    };
    wait_ = std::make_unique<win32::RegisteredWait>(
        timer_.get(), win32::RegisteredWait::Times::each, [due = due_.get(), &loop, serve] {
          if (!due->posted.exchange(true, std::memory_order_seq_cst)) win32::post_surely(loop, serve);
        });
  }

  void set(TimePoint due) noexcept override {
    using Ticks = std::chrono::duration<LONGLONG, std::ratio<1, 10'000'000>>;
    const auto wait = std::max(std::chrono::ceil<Ticks>(due - Clock::now()), Ticks(1));
    LARGE_INTEGER relative;
    relative.QuadPart = -wait.count();  // below zero: from now on
    ::SetWaitableTimer(timer_.get(), &relative, 0, nullptr, nullptr, FALSE);
  }

 private:
  std::shared_ptr<Due> due_;
  win32::UniqueHandle timer_;
  std::unique_ptr<win32::RegisteredWait> wait_;  // ends before the others
};

win32::UniqueHandle make_timer() noexcept {
  constexpr DWORD high_resolution = 0x00000002;  // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
  win32::UniqueHandle timer(::CreateWaitableTimerExW(nullptr, nullptr, high_resolution, TIMER_ALL_ACCESS));
  if (!timer) timer.reset(::CreateWaitableTimerExW(nullptr, nullptr, 0, TIMER_ALL_ACCESS));
  return timer;
}

}  // namespace

std::unique_ptr<PreciseTimer> make_precise_timer(EventLoop& loop, std::function<void()> on_due) noexcept {
  try {
    win32::UniqueHandle timer = make_timer();
    if (!timer) return nullptr;
    return std::make_unique<WaitableTimer>(std::move(timer), loop, std::move(on_due));
  } catch (...) {
    return nullptr;
  }
}

}  // namespace procpool::detail
