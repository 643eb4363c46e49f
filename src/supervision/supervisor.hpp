// SPDX-License-Identifier: MIT
/// \file
/// Supervisor: keeps as many workers as the pool shall have, whatever dies.
#pragma once

#include "channel/host_channel.hpp"
#include "dispatcher/dispatcher.hpp"
#include "supervision/restart_limiter.hpp"
#include "trace/trace_sink.hpp"

#include <procpool/options.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/task.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace procpool::detail {

/// Starts workers, replaces those that are lost and ends them. On the loop's thread, or before it runs.
class Supervisor final : public ProcessEvents {
 public:
  struct Settings {
    std::size_t processes = 1;
    std::size_t max_restarts = 0;
    Duration max_restart_freq{0};
    Initializer initializer;
    ExitTask on_process_exit;
    std::shared_ptr<TraceSink> trace{};  ///< of the pool's life; nullptr: nobody wants to know
  };
  class Owner {
   public:
    virtual void log(std::string message) = 0;
    virtual void worker_up(WorkerInfo worker) = 0;
    virtual void worker_down(WorkerInfo worker, ExitStatus status) = 0;
    /// The pool cannot go on.
    virtual void failed(const std::exception_ptr& error) = 0;
    /// A worker wants to be looked at.
    virtual void serve() = 0;
    /// A start has failed and waits for next_start().
    virtual void start_waits() = 0;
    /// The last worker has ended, and none will be started.
    virtual void all_gone() = 0;

   protected:
    ~Owner() = default;
  };

  /// Workers that were started in place of others. Any thread.
  [[nodiscard]] std::uint64_t restarts() const noexcept {
    return restart_count_.load(std::memory_order_relaxed);
  }
  /// All workers are there, and the last to start got as far as its first task. Any thread.
  [[nodiscard]] bool healthy() const noexcept {
    return healthy_.load(std::memory_order_relaxed) &&
           startups_at_failure_.load(std::memory_order_relaxed) != dispatcher_.startups();
  }

  Supervisor(const Settings& settings, ProcessBackend& backend, Dispatcher& dispatcher, Owner& owner);

  /// Starts the first workers. Throws SpawnError; close() is then still due.
  void start();
  /// The first workers are all there, or one has failed: see start_error().
  [[nodiscard]] bool started() const noexcept { return starting_.empty(); }
  [[nodiscard]] const std::exception_ptr& start_error() const noexcept { return start_error_; }
  /// start() was seen through: from now on failures to start are met by trying again, and what has died is
  /// replaced.
  void settle_in();

  /// Any number of workers, at least 1.
  void resize(std::size_t processes);
  /// Starts others in place of these, which the Dispatcher has retired.
  void replace(const std::vector<WorkerId>& retired);
  /// Lets all workers end after what they are doing, and starts no more.
  void retire_all();
  /// Starts no more workers.
  void stop_replacing();
  /// The same; tells the owner if none is left.
  void stop();
  /// Forgets the workers that are left, as if they had ended: the backend has been closed.
  void forget_all();

  /// When start_due() should be called; nothing if no start is waiting.
  [[nodiscard]] std::optional<TimePoint> next_start() const noexcept { return next_start_; }
  /// Starts what could not be started before, if it is time.
  void start_due(TimePoint now);

  void started(WorkerId worker, Pid pid) override;
  void start_failed(WorkerId worker, std::error_code error, std::string_view what) override;
  void rang(WorkerId worker) override;
  void exited(WorkerId worker, ExitStatus status) override;

 private:
  void start_one();
  void fill_up();
  void note_death(const Dispatcher::Death& death, ExitStatus status);
  void note_failed_start(const std::exception_ptr& error);
  void fail(const std::exception_ptr& error);
  void tell_if_gone();
  void trace_restart(WorkerId replaced);
  void note_health() noexcept;

  Settings settings_;
  ProcessBackend& backend_;
  Dispatcher& dispatcher_;
  Owner& owner_;
  std::vector<Message> greetings_;
  RestartLimiter restarts_;
  std::set<WorkerId> alive_;     ///< started or starting
  std::set<WorkerId> leaving_;   ///< of those, on their way out, and not counted
  std::set<WorkerId> starting_;  ///< of those, not yet heard of
  WorkerId next_id_ = 1;
  std::exception_ptr start_error_;
  bool settled_in_ = false;
  bool replacing_ = true;
  std::optional<TimePoint> next_start_;
  std::atomic<std::uint64_t> restart_count_{0};
  std::atomic<bool> healthy_{true};
  /// In a row: no process came to be.
  std::size_t failed_starts_ = 0;
  /// In a row: the process died, or its initializer threw, before its first task.
  std::size_t failed_startups_ = 0;
  /// Dispatcher::startups() when that happened last: as many as there are, if it is so of the last one.
  std::atomic<std::uint64_t> startups_at_failure_{~std::uint64_t{0}};
};

}  // namespace procpool::detail
