// SPDX-License-Identifier: MIT
// timerfd: Linux. steady_clock is CLOCK_MONOTONIC in libstdc++ and libc++ there.
#include "loop/precise_timer.hpp"
#include "posix/host_fd.hpp"
#include "posix/local_socket.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

namespace procpool::detail {

namespace {

class TimerFd final : public PreciseTimer {
 public:
  TimerFd(posix::HostFd fd, EventLoop& loop, std::function<void()> on_due)
      : fd_(std::move(fd)), watch_(loop.watch(fd_.get(), [this, call = std::move(on_due)] {
          acknowledge();
          call();
        })) {}

  void set(TimePoint due) noexcept override {
    // 0 would disarm it.
    const auto at = std::max<Duration>(due.time_since_epoch(), std::chrono::nanoseconds(1));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    itimerspec setting{};
    setting.it_value.tv_sec = static_cast<time_t>(seconds.count());
    setting.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds(at - seconds).count());
    ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
  }

 private:
  void acknowledge() noexcept {
    std::uint64_t times = 0;
    [[maybe_unused]] const auto count = ::read(fd_.get(), &times, sizeof times);
  }

  posix::HostFd fd_;
  std::unique_ptr<EventLoop::Watch> watch_;
};

}  // namespace

std::unique_ptr<PreciseTimer> make_precise_timer(EventLoop& loop, std::function<void()> on_due) noexcept {
  try {
    const posix::ForksHeld forks_held;
    auto fd = posix::raise_fd(posix::UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
    if (!fd) return nullptr;
    return std::make_unique<TimerFd>(posix::HostFd(std::move(fd), forks_held), loop, std::move(on_due));
  } catch (...) {
    return nullptr;
  }
}

}  // namespace procpool::detail
