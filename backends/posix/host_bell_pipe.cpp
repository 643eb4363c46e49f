// SPDX-License-Identifier: MIT
// For systems without eventfd (macOS).
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"
#include "posix/system_error.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

class PipeBell final : public DescriptorBell {
 public:
  PipeBell() {
    const ForksHeld forks_held;
    FdPair pipe = make_pipe();
    if (!pipe.first) throw_spawn_error("cannot make a bell (pipe)", last_error());
    reading_ = HostFd(std::move(pipe.first), forks_held);
    writing_ = HostFd(std::move(pipe.second), forks_held);
  }

  bool wait(Duration timeout) noexcept override {
    if (!wait_for(reading_.get(), POLLIN, Deadline(timeout))) return false;
    bool rang = false;
    char bytes[256];
    for (int round = 0; round < longest_drain; ++round) {
      const ssize_t count = ::read(reading_.get(), bytes, sizeof bytes);
      if (count < 0 && errno == EINTR) continue;
      if (count > 0) rang = true;
      if (count < static_cast<ssize_t>(sizeof bytes)) return rang;
    }
    return rang;
  }

  void ring() noexcept override { ring_bell(writing_.get()); }

  [[nodiscard]] int ringing_end() const noexcept override { return writing_.get(); }

 private:
  HostFd reading_;
  HostFd writing_;
};

}  // namespace

std::unique_ptr<DescriptorBell> make_host_bell() {
  return std::make_unique<PipeBell>();
}

void ring_bell(int ringing_end) noexcept {
  const char byte = 0;
  // EAGAIN: earlier rings fill the pipe, and the host will hear those. SIGPIPE: the host is dead, and a
  // worker dies with it anyway.
  while (::write(ringing_end, &byte, 1) < 0 && errno == EINTR) {
  }
}

}  // namespace procpool::posix
