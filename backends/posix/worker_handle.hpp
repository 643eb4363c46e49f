// SPDX-License-Identifier: MIT
/// \file
/// WorkerHandle: what the host has of one worker.
#pragma once

#include "posix/captured_output.hpp"
#include "posix/host_fd.hpp"
#include "posix/launcher_link.hpp"
#include "posix/poll_wait.hpp"
#include "posix/shared_memory.hpp"

#include <procpool/process_backend.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace procpool::posix {

/// The state of one worker, shared by the backend, until the worker has ended, and the Pool's WorkerProcess.
/// What the backend calls is for the loop's thread.
class WorkerHandle {
 public:
  WorkerHandle(WorkerId id, SharedMapping mapping, HostFd doorbell, std::shared_ptr<LauncherLink> launcher)
      : id_(id),
        mapping_(std::move(mapping)),
        doorbell_(std::move(doorbell)),
        launcher_(std::move(launcher)) {}

  [[nodiscard]] WorkerId id() const noexcept { return id_; }
  [[nodiscard]] std::span<std::byte> memory() const noexcept { return mapping_.memory(); }
  [[nodiscard]] int doorbell() const noexcept { return doorbell_.get(); }

  /// What the worker writes to its stderr; null if that is not captured. Set before anybody else knows of the
  /// worker.
  void capture_errors(std::unique_ptr<CapturedOutput> errors) noexcept { errors_ = std::move(errors); }
  [[nodiscard]] CapturedOutput* errors() const noexcept { return errors_.get(); }

  /// What was sent to the launcher for this worker, and must stay open until the launcher has it.
  void keep_sent(std::vector<HostFd> descriptors) noexcept { sent_ = std::move(descriptors); }
  /// The launcher has it, or is gone.
  void release_sent() noexcept { sent_.clear(); }

  void set_launcher(std::shared_ptr<LauncherLink> launcher) noexcept { launcher_ = std::move(launcher); }
  /// The launcher has told the pid. `handle` may be empty.
  void set_started(Pid pid, UniqueFd handle, std::uint64_t inherited_memory);
  /// The process is dead: its number may be another's from now on.
  void set_ended() noexcept;
  [[nodiscard]] Pid pid() const noexcept;

  /// For when the launcher is lost: kills the process with its group.
  void kill_without_launcher() noexcept;
  /// Waits until the process is dead, and until nothing holds the other end of its doorbell: that tells of a
  /// process whose pid nobody knew, and of copies that the task has forked.
  void wait_until_dead(const Deadline& process, const Deadline& doorbell) noexcept;

  // As WorkerProcess:
  void kill() noexcept;
  void signal(int signum) noexcept;
  void nudge() noexcept;
  [[nodiscard]] std::optional<MemorySize> footprint() const noexcept;
  [[nodiscard]] bool ended() const noexcept;
  [[nodiscard]] NativeHandle sentinel() const noexcept;

  /// Both watch while the worker lives; the loop's thread.
  std::unique_ptr<EventLoop::Watch> doorbell_watch;
  std::unique_ptr<EventLoop::Watch> errors_watch;

 private:
  void send_signal(int signum, std::chrono::milliseconds patience) noexcept;

  const WorkerId id_;
  const SharedMapping mapping_;
  const HostFd doorbell_;
  std::shared_ptr<LauncherLink> launcher_;
  std::unique_ptr<CapturedOutput> errors_;
  std::vector<HostFd> sent_;

  mutable std::mutex mutex_;
  Pid pid_ = 0;                         ///< guarded by mutex_; 0 before it is known
  HostFd exit_watch_;                   ///< guarded by mutex_; set once
  bool ended_ = false;                  ///< guarded by mutex_
  std::uint64_t inherited_memory_ = 0;  ///< guarded by mutex_; see footprint.hpp
};

}  // namespace procpool::posix
