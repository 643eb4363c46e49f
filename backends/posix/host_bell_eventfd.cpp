// SPDX-License-Identifier: MIT
// eventfd: Linux.
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

class EventFdBell final : public DescriptorBell {
 public:
  EventFdBell() {
    const ForksHeld forks_held;
    UniqueFd fd = raise_fd(UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    if (!fd) throw_spawn_error("cannot make a bell (eventfd)", last_error());
    fd_ = HostFd(std::move(fd), forks_held);
  }

  bool wait(Duration timeout) noexcept override {
    const TimePoint start = Clock::now();
    pollfd polled{fd_.get(), POLLIN, 0};
    for (;;) {
      const auto left = std::clamp(timeout - (Clock::now() - start), Duration::zero(),
                                   std::chrono::duration_cast<Duration>(std::chrono::hours(24)));
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec limit{static_cast<time_t>(seconds.count()),
                           static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
      if (::ppoll(&polled, 1, &limit, nullptr) > 0) break;
      if (Clock::now() - start >= timeout) return false;
    }
    std::uint64_t rings = 0;
    return ::read(fd_.get(), &rings, sizeof rings) == static_cast<ssize_t>(sizeof rings);
  }

  void ring() noexcept override { ring_bell(fd_.get()); }

  [[nodiscard]] int ringing_end() const noexcept override { return fd_.get(); }

 private:
  HostFd fd_;
};

}  // namespace

std::unique_ptr<DescriptorBell> make_host_bell() {
  return std::make_unique<EventFdBell>();
}

void ring_bell(int ringing_end) noexcept {
  const std::uint64_t one = 1;
  // EAGAIN: a worker has written near 2^64 to it. The host hears it as it is.
  while (::write(ringing_end, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace procpool::posix
