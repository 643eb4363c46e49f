// SPDX-License-Identifier: MIT
/// \file
/// A forked child, and the check of a system call.
#pragma once

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace peers {

inline void check(bool condition, const char* what) {
  if (!condition) throw std::system_error(errno, std::generic_category(), what);
}

/// A child that runs `work` and ends. It is killed with this object, if it still runs then.
class Child {
 public:
  template <class Work>
  explicit Child(Work work) : pid_(::fork()) {
    check(pid_ >= 0, "fork");
    if (pid_ != 0) return;
    try {
      work();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() { kill(); }

  void kill() noexcept {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  /// Until it has ended.
  void wait() noexcept {
    if (pid_ <= 0) return;
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

}  // namespace peers
