// SPDX-License-Identifier: MIT
/// \file
/// Signals around a fork and in procpool's children.
#pragma once

#include <chrono>
#include <csignal>

namespace procpool::posix {

/// Blocks all signals on this thread, and restores what was blocked when it is destroyed: a child must not
/// run the parent's handlers.
class BlockedSignals {
 public:
  BlockedSignals() noexcept;
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

/// Ends this process by SIGALRM if it lives for longer than `patience`, also while the process waits for a
/// lock. For a process with one thread.
class EndIfStuck {
 public:
  explicit EndIfStuck(std::chrono::milliseconds patience) noexcept;
  ~EndIfStuck();
  EndIfStuck(const EndIfStuck&) = delete;
  EndIfStuck& operator=(const EndIfStuck&) = delete;

 private:
  struct sigaction action_before_ {};
  sigset_t mask_before_;
};

/// Blocks nothing on this thread.
void unblock_all_signals() noexcept;

void set_signal_handler(int signum, void (*handler)(int), int flags) noexcept;

/// What the launcher found, for its workers to have again what it changes for itself.
struct InheritedSignals {
  bool hangup_ignored = false;
  bool broken_pipe_ignored = false;
};

/// In a new launcher, with all signals blocked: every signal that the host catches has its default action
/// again, what the host ignores stays ignored.
[[nodiscard]] InheritedSignals reset_signals() noexcept;

/// In a launcher: does not end with the terminal's signals.
void ignore_launcher_signals() noexcept;

/// In a worker that was forked from a launcher: undoes the launcher's settings. SIGINT stays ignored (a ^C is
/// the host's to answer), and so does SIGTTOU, which would stop a worker that writes to a terminal with
/// `tostop`.
void restore_worker_signals(const InheritedSignals& inherited) noexcept;

/// The signals that a worker program must find with their default action.
[[nodiscard]] sigset_t worker_default_signals(const InheritedSignals& inherited) noexcept;

}  // namespace procpool::posix
