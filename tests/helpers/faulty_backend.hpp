// SPDX-License-Identifier: MIT
/// \file
/// FaultyBackend: forwards to another backend and injects failures.
#pragma once

#include <procpool/process_backend.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>

namespace procpool::testing {

/// Each fault is set from any thread, at any time, and strikes from then on. Everything else passes through.
class FaultyBackend final : public ProcessBackend {
 public:
  explicit FaultyBackend(std::shared_ptr<ProcessBackend> inner);
  ~FaultyBackend() override;

  /// The next `count` calls of open() throw SpawnError.
  void throw_from_open(int count, std::errc error);
  /// The next `count` calls of start() throw SpawnError.
  void throw_from_start(int count, std::errc error = std::errc::too_many_files_open);
  /// The next `count` workers are told as start_failed; the inner backend never hears of them.
  void fail_starts(int count, std::errc error = std::errc::resource_unavailable_try_again);
  /// The next `count` rings of the host's at workers are lost.
  void lose_rings_to_workers(int count);
  /// The next `count` rings of workers' at the loop are lost.
  void lose_rings_to_loop(int count);
  /// Every ring of a worker's is told twice.
  void repeat_rings(bool on);
  /// exited() is kept back until release_exits(); footprints and memory are as the inner backend has them.
  void hold_exits();
  /// Tells what was kept back, and nothing is kept back any more.
  void release_exits();
  [[nodiscard]] std::size_t held_exits() const;

  [[nodiscard]] std::string_view name() const noexcept override { return "faulty"; }
  void open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) override;
  [[nodiscard]] std::unique_ptr<WorkerProcess> start(WorkerId worker, std::size_t memory_bytes) override;
  [[nodiscard]] HostBell& bell() noexcept override;
  [[nodiscard]] bool enforces_memory_limit() const noexcept override;
  void close() noexcept override;

 private:
  class State;
  std::shared_ptr<ProcessBackend> inner_;
  std::shared_ptr<State> state_;
};

}  // namespace procpool::testing
