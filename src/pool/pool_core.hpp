// SPDX-License-Identifier: MIT
/// \file
/// PoolCore: one running pool: its loop's thread, its life from the constructor to join().
#pragma once

#include "dispatcher/dispatcher.hpp"
#include "jobs/job.hpp"
#include "loop/uv_loop.hpp"
#include "supervision/supervisor.hpp"
#include "trace/trace_recorder.hpp"

#include <procpool/options.hpp>
#include <procpool/stats.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>

namespace procpool::detail {

/// Members may be called on any thread.
class PoolCore final : private Dispatcher::Loop, private Supervisor::Owner {
 public:
  /// Throws as Pool's constructor does; nothing is left then.
  explicit PoolCore(PoolOptions&& options);
  /// Needs join() to have returned true.
  ~PoolCore();
  PoolCore(const PoolCore&) = delete;
  PoolCore& operator=(const PoolCore&) = delete;

  /// Waits for a slot and takes it. Throws what submit() would throw if the caller had to serve a pool that
  /// is closed.
  void acquire_slot(Semaphore& semaphore);
  void submit(Ref<Job> job, bool caller_waits = false) {
    context_->dispatcher->submit(Ref<Submission>::share(job.get()), caller_waits);
  }
  /// False if there is no room for it by `deadline`.
  bool try_submit(const Ref<Job>& job, std::optional<TimePoint> deadline) {
    return context_->dispatcher->try_submit(Ref<Submission>::share(job.get()), deadline);
  }
  [[nodiscard]] const std::shared_ptr<const JobContext>& context() const noexcept { return context_; }
  [[nodiscard]] std::size_t max_message() const noexcept { return terms_.max_message; }
  /// A thread that waits for a job may make callbacks.
  [[nodiscard]] bool makes_callbacks_in_waits() const noexcept { return !threads_ || context_->synack; }
  [[nodiscard]] std::size_t processes() const noexcept { return processes_.load(std::memory_order_relaxed); }
  /// False in a process that was forked from the one that made the pool: there the pool is not ours.
  [[nodiscard]] bool in_own_process() const noexcept;

  /// Throws std::invalid_argument if none or too many would be left.
  void resize(std::size_t grow, std::size_t shrink);
  /// Throws std::logic_error if that was not allowed.
  void restart();
  void maintain();
  void handle_result_event();
  [[nodiscard]] NativeHandle event_handle() const;
  [[nodiscard]] bool did_start_ok() const noexcept { return supervisor_.healthy(); }
  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] MemoryLimitBy memory_limit_by() const noexcept { return memory_limit_by_; }

  void close();
  void terminate();
  /// False if `deadline` passed first. Throws std::logic_error if the pool is open.
  bool join(std::optional<TimePoint> deadline);

 private:
  void serve_soon() noexcept override;
  void kill(WorkerId worker) noexcept override;
  void drained() noexcept override;
  [[nodiscard]] bool has_thread() const noexcept override { return threads_; }
  void drive(Duration longest) override;
  bool make_callbacks() const { return callback_maker_(); }
  void start_callbacks();
  template <class... Arguments>
  void call_hook(const std::function<void(Arguments...)>& hook, std::decay_t<Arguments>... about);
  void worker_up(WorkerInfo worker) override;
  void log(std::string message) override;
  void worker_down(WorkerInfo worker, ExitStatus status) override;
  void failed(const std::exception_ptr& error) override;
  void serve() override;
  void start_waits() override;
  void all_gone() override;

  void start();
  void start_thread();
  void run();
  void end();
  void set_timer();
  void note_ending(TimePoint now);

  std::atomic<std::size_t> processes_;
  const WorkerTerms terms_;
  /// What jobs and callers are told when the pool ends: made while there is memory.
  const std::exception_ptr terminated_;
  const std::exception_ptr closed_;
  const Pid host_;
  const bool threads_;
  const bool allow_restart_;
  const std::function<void(WorkerInfo)> on_process_up_;
  const std::function<void(WorkerInfo, ExitStatus)> on_process_down_;
  const std::function<void(const std::string&)> on_log_;
  const WorkerSetup setup_;
  MemoryLimitBy memory_limit_by_ = MemoryLimitBy::nobody;
  std::shared_ptr<ProcessBackend> backend_;
  const std::shared_ptr<CallbackQueue> callbacks_;
  const std::function<bool()> callback_maker_;
  const std::shared_ptr<TraceRecorder> trace_;  ///< nullptr: none is wanted
  UvLoop loop_;
  std::shared_ptr<const JobContext> context_;
  Supervisor supervisor_;
  // What the loop's thread is asked for, without memory.
  std::atomic<bool> serve_asked_{false};
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> drained_{false};
  std::atomic<bool> kill_asked_{false};
  TimePoint last_busy_;
  std::optional<TimePoint> next_limit_;
  std::optional<TimePoint> trace_due_;
  std::atomic<bool> terminating_{false};
  bool ending_ = false;  ///< nothing is left to do, and nothing will come
  std::optional<TimePoint> none_ran_since_;
  std::optional<TimePoint> give_up_;  ///< when to end without waiting for the workers' exits

  std::mutex drive_mutex_;         ///< held by who serves a loop without a thread
  std::atomic<bool> gone_{false};  ///< there is nothing left to serve

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;  ///< the loop has been served for the last time
  std::thread thread_;
};

}  // namespace procpool::detail
