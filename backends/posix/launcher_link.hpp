// SPDX-License-Identifier: MIT
/// \file
/// LauncherLink: the host's end of a launcher process.
#pragma once

#include "posix/host_fd.hpp"
#include "posix/record.hpp"
#include "posix/role.hpp"

#include <procpool/process_backend.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>

#include <sys/types.h>

namespace procpool::posix {

/// Owns a launcher: its control socket and its process, which is a child of this one. The destructor is
/// shut_down(). Only send() may be called by several threads.
class LauncherLink {
 public:
  /// Forks the launcher off this process, on this thread, which flushes stdio first, and waits, a bounded
  /// time, until it has said hello. A child that finds a lock held by a thread that it has no copy of ends by
  /// itself, and another is forked. `bell` is what workers ring. Throws SpawnError.
  [[nodiscard]] static std::shared_ptr<LauncherLink> fork(const LauncherRole& role, const WorkerSetup& setup,
                                                          int bell);
  /// Runs `program`, a path, as the launcher. Throws SpawnError.
  [[nodiscard]] static std::shared_ptr<LauncherLink> execute(const LauncherRole& role,
                                                             const WorkerSetup& setup,
                                                             const std::string& program, int bell);
  ~LauncherLink() { shut_down(); }
  LauncherLink(const LauncherLink&) = delete;
  LauncherLink& operator=(const LauncherLink&) = delete;

  /// Waits, a bounded time, until an executed launcher has said hello. Throws NotInitializedError if the
  /// program ends by itself or does not speak, and SpawnError if it crashes or speaks another protocol.
  void await_hello(const std::string& program);

  /// Any thread. Waits at most `patience` if the launcher does not read.
  [[nodiscard]] std::error_code send(const Record& record, std::span<const int> descriptors,
                                     std::chrono::milliseconds patience) noexcept;

  /// Does not wait.
  [[nodiscard]] RecordReader::Outcome receive(ReceivedRecord& received) noexcept;

  /// Notes what a hello says that comes while nobody waits for it: of a launcher that took another's place.
  void accept_hello(const Record& hello) noexcept { inherited_memory_ = hello.extra; }
  /// What each worker starts with; see footprint.hpp. Known from the hello on.
  [[nodiscard]] std::uint64_t inherited_memory() const noexcept { return inherited_memory_; }

  /// The control socket, to wait for.
  [[nodiscard]] int descriptor() const noexcept { return control_.get(); }

  /// Lets the launcher kill everything and end, and waits for that, 10 s at most; kills it then. True if it
  /// is known to have ended as it should, with all its workers. No further calls but send(), which fails. In
  /// a process that was forked from the host it only gives back its own descriptors.
  bool shut_down() noexcept;

 private:
  LauncherLink() = default;
  struct Ends;
  struct Proof;
  [[nodiscard]] static Ends make_control();
  [[nodiscard]] static std::shared_ptr<LauncherLink> fork_once(const LauncherRole& role,
                                                               const WorkerSetup& setup, int bell,
                                                               const Proof& proof);
  [[noreturn]] static void live_as_launcher(const LauncherRole& role, const WorkerSetup& setup, int control,
                                            int bell, const Proof& proof) noexcept;
  /// Waits for the first record; `nothing` if it does not come in time.
  [[nodiscard]] RecordReader::Outcome receive_hello(ReceivedRecord& received) noexcept;
  /// Waits at most `patience` for the process to end, kills it and its group then, and tells how it ended.
  ExitStatus reap(std::chrono::milliseconds patience) noexcept;
  void drain_until_end() noexcept;

  std::mutex sending_;
  HostFd control_;  ///< closed under sending_
  RecordReader reader_;
  pid_t pid_ = 0;  ///< 0 once it is reaped
  pid_t owner_ = 0;
  std::uint64_t inherited_memory_ = 0;
};

}  // namespace procpool::posix
