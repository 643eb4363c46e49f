// SPDX-License-Identifier: MIT
/// \file
/// Win32Backend: "spawn" on Windows. Each worker is the program run anew, in a Job Object of its own.
#pragma once

#include "win32/event_bell.hpp"
#include "win32/worker_handle.hpp"

#include <procpool/process_backend.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace procpool::win32 {

class Win32Backend final : public ProcessBackend {
 public:
  Win32Backend() = default;
  ~Win32Backend() override { close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "spawn"; }
  void open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) override;
  [[nodiscard]] std::unique_ptr<WorkerProcess> start(WorkerId worker, std::size_t memory_bytes) override;
  [[nodiscard]] HostBell& bell() noexcept override { return *session_->bell; }
  [[nodiscard]] bool enforces_memory_limit() const noexcept override { return enforces_memory_limit_; }
  void close() noexcept override;

 private:
  /// From open() to close(). What is posted to the loop holds a weak reference, and finds nothing later.
  struct Session {
    std::unique_ptr<EventBell> bell;
    EventLoop* loop = nullptr;
    ProcessEvents* events = nullptr;
    SpawnRequest request;
    std::unordered_map<WorkerId, std::shared_ptr<WorkerHandle>> workers;
    bool open = true;
  };

  static void check(const WorkerSetup& setup);
  static void probe(const SpawnRequest& request);
  static void begin(const std::shared_ptr<Session>& session, const std::shared_ptr<WorkerHandle>& worker);
  static void listen(const std::shared_ptr<Session>& session, const std::shared_ptr<WorkerHandle>& worker);
  static void serve_exit(const std::shared_ptr<Session>& session,
                         const std::shared_ptr<WorkerHandle>& worker);
  static void await_exit(const std::shared_ptr<Session>& session, const std::shared_ptr<WorkerHandle>& worker,
                         HANDLE object, std::optional<Duration> timeout);

  std::shared_ptr<Session> session_;
  std::optional<MemorySize> memory_limit_;
  bool enforces_memory_limit_ = false;
};

}  // namespace procpool::win32
