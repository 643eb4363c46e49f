// SPDX-License-Identifier: MIT
// kqueue (macOS): a timer in nanoseconds on a queue of its own, which is itself a descriptor to wait for.
#include "loop/precise_timer.hpp"
#include "posix/host_fd.hpp"
#include "posix/local_socket.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <sys/event.h>

namespace procpool::detail {

namespace {

class KqueueTimer final : public PreciseTimer {
 public:
  KqueueTimer(posix::HostFd queue, EventLoop& loop, std::function<void()> on_due)
      : queue_(std::move(queue)), watch_(loop.watch(queue_.get(), [this, call = std::move(on_due)] {
          acknowledge();
          call();
        })) {}

  void set(TimePoint due) noexcept override {
    const auto wait = std::max<std::chrono::nanoseconds>(due - Clock::now(), std::chrono::nanoseconds(1));
    struct kevent event;
    // NOTE_CRITICAL: not put off for the sake of other timers.
    EV_SET(&event, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS | NOTE_CRITICAL,
           static_cast<intptr_t>(wait.count()), nullptr);
    ::kevent(queue_.get(), &event, 1, nullptr, 0, nullptr);
  }

 private:
  void acknowledge() noexcept {
    struct kevent event;
    const timespec no_time{};
    ::kevent(queue_.get(), nullptr, 0, &event, 1, &no_time);
  }

  posix::HostFd queue_;
  std::unique_ptr<EventLoop::Watch> watch_;
};

}  // namespace

std::unique_ptr<PreciseTimer> make_precise_timer(EventLoop& loop, std::function<void()> on_due) noexcept {
  try {
    const posix::ForksHeld forks_held;
    auto queue = posix::raise_fd(posix::UniqueFd(::kqueue()));
    if (!queue) return nullptr;
    return std::make_unique<KqueueTimer>(posix::HostFd(std::move(queue), forks_held), loop,
                                         std::move(on_due));
  } catch (...) {
    return nullptr;
  }
}

}  // namespace procpool::detail
