// SPDX-License-Identifier: MIT
/// \file
/// WorkerHandle: what the host has of one worker.
#pragma once

#include "win32/event_bell.hpp"
#include "win32/job_object.hpp"
#include "win32/registered_wait.hpp"
#include "win32/shared_memory.hpp"
#include "win32/spawn_program.hpp"
#include "win32/start_record.hpp"

#include <procpool/process_backend.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>

namespace procpool::win32 {

inline constexpr int signal_of_kill = 9;  // SIGKILL, which <csignal> does not have on Windows

/// Shared by the backend and the Pool's WorkerProcess. Members are for the loop's thread unless said
/// otherwise.
class WorkerHandle {
 public:
  /// What the backend waits for, on the loop's thread.
  struct Watches {
    UniqueHandle survivor;             ///< what the worker has left in its job, and is to be waited for
    std::optional<Deadline> patience;  ///< with that
    std::atomic<bool> rang{false};     ///< told to the loop, and not yet served (any thread)
    std::unique_ptr<RegisteredWait> bell;
    std::unique_ptr<RegisteredWait> exit;
  };

  /// Makes what worker and host will share. Throws SpawnError.
  WorkerHandle(WorkerId id, std::size_t memory_bytes, std::optional<MemorySize> memory_limit);

  [[nodiscard]] WorkerId id() const noexcept { return id_; }
  [[nodiscard]] std::span<std::byte> memory() const noexcept { return mapping_.memory(); }
  [[nodiscard]] Pid pid() const noexcept { return pid_; }
  /// The event that the worker sets for the loop.
  [[nodiscard]] HANDLE loop_bell() const noexcept { return loop_bell_.get(); }

  /// Starts the process in its job, gives it its handles and says "go". On an error no process is left. A
  /// process that has ended in the meantime is no error: its end is told as any other's.
  [[nodiscard]] std::error_code start(SpawnRequest request, const EventBell& bell);

  // --- any thread

  void ring() noexcept { ::SetEvent(doorbell_.get()); }
  void nudge() noexcept { ::SetEvent(nudge_.get()); }
  /// Kills all that is in the job, now or as soon as the process is there; `signum` is what status() will
  /// tell, if that is what ends it.
  void kill(int signum) noexcept;
  [[nodiscard]] std::optional<MemorySize> footprint() noexcept;
  [[nodiscard]] bool ended() noexcept;
  /// -1 before the process is there.
  [[nodiscard]] NativeHandle sentinel() noexcept;

  // --- the end

  [[nodiscard]] Watches& watches() noexcept { return watches_; }
  [[nodiscard]] HANDLE process() const noexcept { return process_.get(); }
  /// What is left in the job is killed; a handle to wait for if some of it still runs.
  [[nodiscard]] UniqueHandle end_descendants() noexcept;
  /// How the process ended.
  [[nodiscard]] ExitStatus status() noexcept;
  /// Waits until the process and all that was in its job are dead, or until the deadline.
  void wait_until_dead(const Deadline& deadline) noexcept;
  /// Nothing of the process is to be had from now on.
  void set_ended() noexcept;

 private:
  [[nodiscard]] std::error_code hand_over(HANDLE pipe, const EventBell& bell);
  [[nodiscard]] std::error_code give(HANDLE mine, DWORD rights, std::uint64_t& theirs) noexcept;
  void terminate() noexcept;

  const WorkerId id_;
  UniqueHandle memory_;  ///< until it is handed over
  SharedMapping mapping_;
  UniqueHandle doorbell_;
  UniqueHandle loop_bell_;
  UniqueHandle nudge_;
  JobObject job_;
  Pid pid_ = 0;

  std::mutex mutex_;  ///< guards what follows
  UniqueHandle process_;
  std::optional<int> kill_signum_;  ///< the first that was asked for
  bool ended_ = false;

  Watches watches_;  // last, so that waits end before the handles that they wait for
};

}  // namespace procpool::win32
