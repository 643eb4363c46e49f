// SPDX-License-Identifier: MIT
/// \file
/// What the tests of the backends use in place of a Pool.
#pragma once

#include "loop/uv_loop.hpp"
#include "posix/scripted_worker.hpp"

#include <procpool/process_backend.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace procpool::testing {

/// Notes what a backend tells.
class NotedEvents final : public ProcessEvents {
 public:
  struct Life {
    Pid pid = 0;
    bool started = false;
    std::optional<std::error_code> failed;
    std::optional<ExitStatus> exited;
    int rings = 0;
    bool out_of_order = false;
  };

  void started(WorkerId worker, Pid pid) override {
    Life& life = lives[worker];
    life.out_of_order |= life.started || life.failed || life.exited;
    life.started = true;
    life.pid = pid;
  }
  void start_failed(WorkerId worker, std::error_code error, std::string_view) override {
    Life& life = lives[worker];
    life.out_of_order |= life.started || life.failed;
    life.failed = error;
  }
  void rang(WorkerId worker) override {
    Life& life = lives[worker];
    life.out_of_order |= !life.started || life.exited.has_value();
    ++life.rings;
  }
  void exited(WorkerId worker, ExitStatus status) override {
    Life& life = lives[worker];
    life.out_of_order |= !life.started || life.exited.has_value();
    life.exited = status;
    if (on_exit) on_exit(worker);
  }

  std::map<WorkerId, Life> lives;
  std::function<void(WorkerId)> on_exit;
};

/// A backend that is open, its loop and its workers. Serves on the calling thread.
class BackendHost {
 public:
  static constexpr std::chrono::seconds patience{20};

  explicit BackendHost(std::shared_ptr<ProcessBackend> used, const WorkerSetup& setup = {})
      : backend(std::move(used)) {
    backend->open(setup, loop, events);
  }
  ~BackendHost() { backend->close(); }

  /// Serves until `condition` holds; false if it does not in a long time.
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = Clock::now() + patience;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      loop.run_once(std::chrono::milliseconds(20));
    }
    return true;
  }

  WorkerId start() {
    const WorkerId id = ++last_;
    workers[id] = backend->start(id, 64 * 1024);
    return id;
  }

  Board& board(WorkerId id) { return *reinterpret_cast<Board*>(workers.at(id)->memory().data()); }

  /// Gives an order without waiting.
  void order(WorkerId id, Order what, std::int64_t number = 0, const std::string& text = {}) {
    Board& to = board(id);
    to.number = number;
    text.copy(to.text.data(), to.text.size() - 1);
    to.text[text.size()] = '\0';
    to.order = what;
    workers.at(id)->ring();
  }

  /// Gives an order and waits for its answer, and for the worker's start to be told; nullopt if the worker
  /// ended or said nothing.
  std::optional<std::int64_t> ask(WorkerId id, Order what, std::int64_t number = 0,
                                  const std::string& text = {}) {
    const std::uint32_t before = board(id).answered;
    order(id, what, number, text);
    until([&] {
      const NotedEvents::Life& life = events.lives[id];
      return (board(id).answered != before && life.started) || life.exited || life.failed;
    });
    if (board(id).answered == before) return std::nullopt;
    return board(id).answer;
  }

  /// Waits for the end of a worker.
  std::optional<ExitStatus> end_of(WorkerId id) {
    until([&] { return events.lives[id].exited.has_value(); });
    return events.lives[id].exited;
  }

  detail::UvLoop loop;
  NotedEvents events;
  std::shared_ptr<ProcessBackend> backend;
  std::map<WorkerId, std::unique_ptr<WorkerProcess>> workers;

 private:
  WorkerId last_ = 0;
};

/// True once the process is gone or a zombie; false if it lives on for a long time.
bool dies_soon(Pid pid);

/// The parent of a process; 0 if it is gone.
Pid parent_of(Pid pid);

}  // namespace procpool::testing
