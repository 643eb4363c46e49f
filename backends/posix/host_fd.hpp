// SPDX-License-Identifier: MIT
/// \file
/// HostFd: a descriptor of the host's that must not live on in a forked child.
///
/// Close-on-exec means nothing to a child that does not exec. A child that kept the host's end of a control
/// socket would keep the launcher from seeing that the host is dead, and one that used it could kill the
/// host's workers. So every descriptor that procpool makes in the host is known to one registry of the
/// process, and whoever forks, the child gets rid of them all (pthread_atfork).
#pragma once

#include "posix/unique_fd.hpp"

#include <span>
#include <utility>

#include <sys/types.h>

namespace procpool::posix {

/// Keeps other threads from forking while it lives: for the moment between the making of a descriptor and its
/// registration. One thread may have several.
class ForksHeld {
 public:
  /// Throws std::bad_alloc if pthread_atfork does, the first time.
  ForksHeld();
  ~ForksHeld();
  ForksHeld(const ForksHeld&) = delete;
  ForksHeld& operator=(const ForksHeld&) = delete;
};

/// Owns a descriptor that is in the registry. In a child that somebody else forked, the number stays taken,
/// by /dev/null, so that a copy of the owner does no harm to whatever would get the number next.
class HostFd {
 public:
  HostFd() noexcept = default;
  HostFd(UniqueFd fd, const ForksHeld& proof);
  HostFd(HostFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HostFd& operator=(HostFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  HostFd(const HostFd&) = delete;
  HostFd& operator=(const HostFd&) = delete;
  ~HostFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

/// fork() for procpool's own child, in which all registered descriptors are closed, `keep` apart, and the
/// registry is empty. The copies of HostFd objects there must not be used or destroyed. Returns as fork()
/// does.
[[nodiscard]] pid_t fork_without_host_fds(std::span<const int> keep) noexcept;

}  // namespace procpool::posix
