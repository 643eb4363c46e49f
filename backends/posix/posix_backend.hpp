// SPDX-License-Identifier: MIT
/// \file
/// PosixBackend: fork, forkserver and spawn, which differ in how the launcher and the workers come to be.
#pragma once

#include "posix/host_bell.hpp"
#include "posix/launcher_link.hpp"
#include "posix/role.hpp"
#include "posix/worker_handle.hpp"

#include <procpool/process_backend.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace procpool::posix {

enum class LauncherBy : std::uint8_t { fork, execute };

class PosixBackend final : public ProcessBackend {
 public:
  PosixBackend(std::string_view name, LauncherBy launcher_by, WorkersBy workers_by)
      : name_(name), launcher_by_(launcher_by), workers_by_(workers_by) {}
  ~PosixBackend() override { close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  void open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) override;
  [[nodiscard]] std::unique_ptr<WorkerProcess> start(WorkerId worker, std::size_t memory_bytes) override;
  [[nodiscard]] HostBell& bell() noexcept override { return *bell_; }
  [[nodiscard]] bool enforces_memory_limit() const noexcept override;
  void close() noexcept override;

 private:
  /// One launcher and the workers that it has started. When a launcher is lost, another takes its place,
  /// while this one's workers are still to be told of.
  struct Session {
    std::shared_ptr<LauncherLink> launcher;
    std::unordered_map<WorkerId, std::shared_ptr<WorkerHandle>> workers;
    std::unique_ptr<EventLoop::Watch> watch;
    bool open = true;  ///< false once close() was called: nothing is told any more
  };

  void check(const WorkerSetup& setup) const;
  void add_session(std::shared_ptr<LauncherLink> launcher);
  [[nodiscard]] std::shared_ptr<LauncherLink> execute_launcher();
  [[nodiscard]] std::error_code hand_over(const std::shared_ptr<WorkerHandle>& worker,
                                          std::span<const int> descriptors);
  void serve(const std::shared_ptr<Session>& session);
  void dispatch(const std::shared_ptr<Session>& session, ReceivedRecord& received);
  void started(const std::shared_ptr<Session>& session, const std::shared_ptr<WorkerHandle>& worker,
               ReceivedRecord& received);
  void serve_doorbell(const std::shared_ptr<WorkerHandle>& worker);
  void watch(const std::shared_ptr<WorkerHandle>& worker);
  static void stop_watching(WorkerHandle& worker) noexcept;
  static void end_workers(Session& session) noexcept;
  void lose(const std::shared_ptr<Session>& session);

  const std::string_view name_;
  const LauncherBy launcher_by_;
  const WorkersBy workers_by_;

  WorkerSetup setup_;
  std::string program_;  ///< the path to execute; empty for this process's own program
  EventLoop* loop_ = nullptr;
  ProcessEvents* events_ = nullptr;
  std::unique_ptr<DescriptorBell> bell_;
  std::vector<std::shared_ptr<Session>> sessions_;  ///< the last one starts workers
};

}  // namespace procpool::posix
