// SPDX-License-Identifier: MIT
/// \file
/// ChildProcess: a host of its own, forked from the test, that can be killed, limited or left to itself.
#pragma once

#include <procpool/types.hpp>

#include <functional>
#include <string>
#include <vector>

namespace procpool::testing {

/// Runs a function in a forked child, which leads a process group of its own. Kills it when destroyed.
class ChildProcess {
 public:
  /// Writes one line to the test.
  using Tell = std::function<void(const std::string& line)>;

  /// The child ends with exit(), handlers and all, after `body`, or with what it throws as a last line. To be
  /// called while the test has one thread.
  explicit ChildProcess(const std::function<void(const Tell& tell)>& body);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] Pid pid() const noexcept { return pid_; }
  /// The next line; empty when there is none any more, or none comes for a minute.
  [[nodiscard]] std::string line();
  /// All that are left, one after the other.
  [[nodiscard]] std::vector<std::string> lines();
  void kill(int signum) const;
  /// Waits up to a minute for the end. The exit code; -1 if it did not end by itself.
  [[nodiscard]] int exit_code();

 private:
  Pid pid_ = 0;
  int pipe_ = -1;
  std::string buffer_;
};

}  // namespace procpool::testing
