// SPDX-License-Identifier: MIT
/// \file
/// Launcher: the process that starts the workers, reaps them, and kills them when the host is gone.
#pragma once

#include "posix/record.hpp"
#include "posix/role.hpp"
#include "posix/signals.hpp"
#include "posix/unique_fd.hpp"
#include "posix/worker_main.hpp"

#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace procpool::posix {

/// The whole life of a launcher process; has one thread. It ends, with all its workers and what they have
/// started, when the control socket ends or SIGTERM comes.
class Launcher {
 public:
  /// `control` and `bell` are the launcher's only descriptors of procpool. All signals are blocked.
  Launcher(const LauncherRole& role, UniqueFd control, UniqueFd bell);
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  /// In the launcher, returns nullopt once everything is dead. In each worker that it forks, returns what the
  /// worker is to work with; destroy the Launcher there first, which closes what is the launcher's alone.
  [[nodiscard]] std::optional<WorkerStart> run();

 private:
  struct Worker {
    std::uint64_t id = 0;
    pid_t pid = 0;  ///< also the number of its process group
    bool reaped = false;
    Record exited;  ///< what to tell, once nothing of the group is left
    std::optional<TimePoint> told_at_latest;
  };

  void take_over_process();
  [[nodiscard]] bool serve_control(std::optional<WorkerStart>& worker);
  [[nodiscard]] std::optional<WorkerStart> start(ReceivedRecord& received);
  [[nodiscard]] std::optional<WorkerStart> fork_worker(std::uint64_t id, WorkerStart start);
  void execute_worker(std::uint64_t id, const WorkerStart& start);
  void tell_started(std::uint64_t id, pid_t pid);
  void tell_failed(std::uint64_t id, int error, StartStep step);
  void tell(const Record& record, UniqueFd descriptor = UniqueFd());
  void signal_worker(std::uint64_t id, int signum) noexcept;
  void reap();
  void reap_one(pid_t pid);
  void tell_of_the_dead();
  void kill_everything();
  [[nodiscard]] bool wait_for_something();

  LauncherRole role_;
  UniqueFd control_;
  UniqueFd bell_;
  UniqueFd wake_;
  UniqueFd wake_writer_;
  InheritedSignals inherited_;
  RecordReader reader_;
  RecordQueue queue_;
  std::vector<Worker> workers_;
};

/// Runs a launcher, and every worker that it forks, to the end of the process. All signals are blocked.
[[noreturn]] void serve_as_launcher(const LauncherRole& role, UniqueFd control, UniqueFd bell) noexcept;

}  // namespace procpool::posix
