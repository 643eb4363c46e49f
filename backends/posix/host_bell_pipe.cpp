// SPDX-License-Identifier: MIT
// For systems without eventfd (macOS).
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"
#include "posix/system_error.hpp"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

struct Pipe {
  Pipe() = default;
  explicit Pipe(const ForksHeld& forks_held) {
    FdPair pipe = make_pipe();
    if (!pipe.first) throw_spawn_error("cannot make a bell (pipe)", last_error());
    reading = HostFd(std::move(pipe.first), forks_held);
    writing = HostFd(std::move(pipe.second), forks_held);
  }

  HostFd reading;
  HostFd writing;
};

bool take_rings(int fd) noexcept {
  bool rang = false;
  char bytes[256];
  for (int round = 0; round < longest_drain; ++round) {
    const ssize_t count = ::read(fd, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) rang = true;
    if (count < static_cast<ssize_t>(sizeof bytes)) break;
  }
  return rang;
}

/// The host rings by a pipe of its own: a worker could fill the one that it writes to, after it has taken
/// O_NONBLOCK off, and a write to that would then block.
class PipeBell final : public DescriptorBell {
 public:
  PipeBell() {
    const ForksHeld forks_held;
    workers_ = Pipe(forks_held);
    own_ = Pipe(forks_held);
  }

  bool wait(Duration timeout) noexcept override {
    pollfd polled[] = {{workers_.reading.get(), POLLIN, 0}, {own_.reading.get(), POLLIN, 0}};
    if (!wait_for_any(polled, Deadline(timeout))) return false;
    bool rang = false;
    for (const pollfd& end : polled) rang = (end.revents != 0 && take_rings(end.fd)) || rang;
    return rang;
  }

  void ring() noexcept override { ring_bell(own_.writing.get()); }

  [[nodiscard]] int ringing_end() const noexcept override { return workers_.writing.get(); }

 private:
  Pipe workers_;
  Pipe own_;
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
