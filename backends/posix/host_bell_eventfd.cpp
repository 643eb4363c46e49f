// SPDX-License-Identifier: MIT
// eventfd: Linux.
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

HostFd make_eventfd(const ForksHeld& forks_held) {
  UniqueFd fd = raise_fd(UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!fd) throw_spawn_error("cannot make a bell (eventfd)", last_error());
  return HostFd(std::move(fd), forks_held);
}

/// False if there is nothing. Never blocks: a worker may have taken O_NONBLOCK off what it shares with us,
/// and the ring away. RWF_NOWAIT: Linux 5.8.
bool take_rings(int fd) noexcept {
  std::uint64_t rings = 0;
  const iovec place{&rings, sizeof rings};
  ssize_t length = ::preadv2(fd, &place, 1, -1, RWF_NOWAIT);
  if (length < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) length = ::read(fd, &rings, sizeof rings);
  return length == static_cast<ssize_t>(sizeof rings);
}

/// The host rings by a descriptor of its own: a worker could fill the one that it shares, and a write to that
/// might then block.
class EventFdBell final : public DescriptorBell {
 public:
  EventFdBell() {
    const ForksHeld forks_held;
    workers_ = make_eventfd(forks_held);
    own_ = make_eventfd(forks_held);
  }

  bool wait(Duration timeout) noexcept override {
    const TimePoint start = Clock::now();
    pollfd polled[] = {{workers_.get(), POLLIN, 0}, {own_.get(), POLLIN, 0}};
    for (;;) {
      const auto left = std::clamp(timeout - (Clock::now() - start), Duration::zero(),
                                   std::chrono::duration_cast<Duration>(std::chrono::hours(24)));
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec limit{static_cast<time_t>(seconds.count()),
                           static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
      if (::ppoll(polled, std::size(polled), &limit, nullptr) > 0) break;
      if (Clock::now() - start >= timeout) return false;
    }
    bool rang = false;
    for (const pollfd& end : polled) rang = (end.revents != 0 && take_rings(end.fd)) || rang;
    return rang;
  }

  void ring() noexcept override { ring_bell(own_.get()); }

  [[nodiscard]] int ringing_end() const noexcept override { return workers_.get(); }

 private:
  HostFd workers_;
  HostFd own_;
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
