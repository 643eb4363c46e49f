// SPDX-License-Identifier: MIT
/// \file
/// Dispatcher: which job goes to which worker, and what becomes of it.
#pragma once

#include "dispatcher/depth.hpp"
#include "dispatcher/dispatcher_loop.hpp"
#include "dispatcher/ref.hpp"
#include "dispatcher/submission.hpp"
#include "dispatcher/waiting.hpp"
#include "dispatcher/worker.hpp"
#include "trace/trace_sink.hpp"

#include <procpool/process_backend.hpp>
#include <procpool/stats.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace procpool::detail {

/// The queue of jobs and the workers that run them, under one lock. It has no thread: the loop serves it, and
/// so does every thread that submits or waits. Jobs leave the queue in order; what a dead worker had not
/// started goes back to the front.
class Dispatcher {
 public:
  using Loop = DispatcherLoop;

  struct Settings {
    WorkerTerms terms;
    std::size_t cpus = SIZE_MAX;       ///< with more workers than these, not all are woken for quick jobs
    std::size_t max_queued = 0;        ///< units that may be open before a submission waits; 0: any number
    TimePoint (*now)() = &Clock::now;  ///< what limits are measured with
    /// On the thread of the callbacks, if others may wait for them: makes those that are there, without the
    /// lock. False on any other thread. Is called also when the loop is gone: handles outlive their pool.
    std::function<bool()> make_callbacks{};
  };

  /// `trace`: wants to know of all that happens; nullptr: nobody does.
  Dispatcher(const Settings& settings, Loop& loop, std::shared_ptr<TraceSink> trace = nullptr);
  ~Dispatcher();

  // --- submitting and waiting: any thread

  /// Throws PoolClosedError, or what the pool has failed with. If the caller calls wait() next, that brings
  /// the submission to a worker, and nobody else has to be told of its answer.
  void submit(Ref<Submission> submission, bool caller_waits = false);
  /// False, and nothing is submitted, if there is no room for it by `deadline`.
  bool try_submit(const Ref<Submission>& submission, std::optional<TimePoint> deadline);
  /// False if `deadline` passed first. The caller serves the workers while it waits, if nobody else does.
  bool wait(Waitable& waitable, std::optional<TimePoint> deadline);

  // --- stopping single jobs: any thread

  /// Settles it with `error` if no worker has begun with it, and none will; false if one has.
  bool cancel(Submission& submission, const std::exception_ptr& error);
  /// What waits settles with `error`; what runs is killed with its worker.
  void terminate(Submission& submission, int signum, const std::exception_ptr& error);
  /// Settles it with `error` at once; what runs goes on for nothing.
  void discard(Submission& submission, const std::exception_ptr& error);
  /// The word on a unit whose worker asks for it. If it has settled meanwhile, the worker is told not to
  /// begin.
  void acknowledge(const Submission& submission, std::uint32_t unit, bool go);
  /// Kills the worker with what it runs; false if there is no such worker.
  bool terminate_worker(Pid pid, int signum);

  /// Calls `action` with the lock held, so that the waitable cannot become ready meanwhile; false, without
  /// the call, if it is ready already.
  template <class Action>
  bool unless_ready(const Waitable& waitable, Action&& action) {
    const std::unique_lock guard = waiting_.enter(mutex_);
    if (waitable.ready()) return false;
    action();
    return true;
  }

  // --- the pool's life: any thread

  /// No more submissions.
  void close();
  /// No more submissions; all that has not been answered fails with `error`, what runs once its worker is
  /// dead. Later submissions are answered with `refusal`.
  void terminate(const std::exception_ptr& error, const std::exception_ptr& refusal);
  [[nodiscard]] bool closed() const;
  /// Throws what submit() would throw.
  void check_open() const;

  // --- workers: the loop's thread

  void set_bell(HostBell* bell);
  /// Before the first worker. If the kernel does not see to it, workers are measured while they run jobs.
  void set_memory_limit(MemorySize limit, bool by_kernel);
  /// The greetings, a hello last, are sent before all jobs; their spans live as long as the Dispatcher.
  /// The process is taken, or there is no memory, and std::bad_alloc is thrown.
  void add_worker(WorkerId id, std::unique_ptr<WorkerProcess>&& process, std::span<const Message> greetings);
  void worker_started(WorkerId id, Pid pid);
  /// Lets the worker with the least to do finish what it has begun, and end; nothing if there is none.
  std::optional<WorkerId> retire_least_busy();
  /// The same for all that there are. Any thread.
  std::vector<WorkerId> retire_all();
  /// Kills all that DispatcherLoop::kill() was called for.
  void kill_condemned();

  struct Death {
    Pid pid = 0;
    bool was_up = false;
    bool accepted_jobs = false;        ///< it had begun with one, at least
    bool expected = false;             ///< it is no sign that others will end so
    std::exception_ptr startup_error;  ///< what its initializer threw, or why it got no chance to
  };
  Death worker_exited(WorkerId id, ExitStatus status);

  /// Workers that have got as far as their first task, so far. Any thread.
  [[nodiscard]] std::uint64_t startups() const noexcept { return startups_.load(std::memory_order_relaxed); }

  // --- serving: any thread, mostly the loop's

  /// Returns when the next time limit has to be looked at, if there is one.
  std::optional<TimePoint> serve();
  /// A worker has work, so that serve() should be called now and then even if nobody rings.
  [[nodiscard]] bool busy() const noexcept {
    return submitted_.load(std::memory_order_seq_cst) != settled_.load(std::memory_order_relaxed);
  }
  /// The loop has stopped calling serve() by itself, and wants to be told when there is work again.
  void stop_ticking() noexcept { ticking_.store(false, std::memory_order_seq_cst); }

  // --- asking: any thread

  [[nodiscard]] std::vector<Pid> worker_pids() const;
  [[nodiscard]] std::vector<NativeHandle> sentinels() const;
  /// No process of a worker runs, as far as the system knows.
  [[nodiscard]] bool none_runs() const;
  /// All but the restarts.
  [[nodiscard]] PoolStats stats() const;
  /// The workers that have begun with a unit of it and not answered.
  [[nodiscard]] std::vector<Pid> running_on(const Submission& submission) const;

 private:
  friend class Waiting;

  /// A range of units that wait.
  struct Queued {
    Ref<Submission> submission;
    std::uint32_t first;
    std::uint32_t end;
  };
  /// The part of the queue that a submission is in, perhaps with others between, and how many of its units.
  struct InQueue {
    std::size_t first;
    std::size_t end;
    std::uint32_t units;
  };

  bool make_callbacks() const { return settings_.make_callbacks && settings_.make_callbacks(); }
  bool enqueue(Ref<Submission> submission, std::optional<TimePoint> deadline);
  bool wait_for_room(std::unique_lock<std::mutex>& lock, std::optional<TimePoint> deadline);
  void serve_while_hungry() noexcept;
  [[nodiscard]] bool inbox_waits() const noexcept;
  void pass();
  void end_turn();
  void finish_turn(std::unique_lock<std::mutex>& lock);
  void catch_up();
  void take_in();
  void drain(Worker& worker);
  void drain_all(Worker& worker);
  void take_answer(Worker& worker, Answer&& answer);
  void settle(Worker& worker, const InFlight& flight, Answer&& answer);
  void note_start(Worker& worker);
  [[nodiscard]] static bool tell_start(const InFlight& flight, Pid pid, TimePoint when);
  void refill();
  void stage_round(TimePoint now, std::uint32_t few, std::uint32_t most, std::size_t& wakes);
  [[nodiscard]] bool stage_next(Worker& worker, std::uint32_t most, TimePoint now);
  bool rebalance();
  [[nodiscard]] static bool is_stuck(const Worker& worker, TimePoint now);
  [[nodiscard]] bool spares_wakes(TimePoint now) const;
  void look_again(TimePoint now);
  void put_back(Worker& worker, std::uint32_t count);
  void note_hunger() noexcept;
  void aim();
  void arm();
  void disarm() noexcept;
  [[nodiscard]] bool changed() const noexcept;
  [[nodiscard]] std::optional<TimePoint> watch_limits();
  [[nodiscard]] std::optional<TimePoint> watch_limits(Worker& worker, TimePoint now);
  [[nodiscard]] bool enforce_hard_limit(Worker& worker, const Limits& limits);
  [[nodiscard]] static bool waits_for_us(Worker& worker, TimePoint now);
  void tell_soft_limit(Worker& worker);
  [[nodiscard]] std::optional<TimePoint> running_since(Worker& worker, TimePoint now);
  void expect_deadline(TimePoint deadline);
  void expect_start(Worker& worker);
  void expect_end();
  [[nodiscard]] std::optional<TimePoint> watch_start(Worker& worker, TimePoint now);
  void watch_memory(Worker& worker);
  void watch_life(Worker& worker, TimePoint now);
  void check_claims(Worker& worker);
  [[nodiscard]] static bool ignores_its_work(Worker& worker, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> watch_condemned(Worker& worker, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> watch_end(Worker& worker, TimePoint now);
  void settle_lost(Worker& worker, ExitStatus status);
  bool fail_asking(Submission& submission, const std::exception_ptr& error);
  void withdraw(Submission& submission);
  [[nodiscard]] InQueue find_queued(const Submission& submission) const noexcept;
  void fail_queued(Submission& submission, const InQueue& found, const std::exception_ptr& error,
                   const char* how);
  void forget_queued(const Submission& submission, const InQueue& found);
  static void let_go(Ref<Submission>&& submission);
  [[nodiscard]] static bool has_unit_of(Worker& worker, const Submission& submission) noexcept;
  [[nodiscard]] bool hold_if_running(Worker& worker, const Submission& submission,
                                     std::optional<std::uint32_t> unit);
  [[nodiscard]] static std::uint32_t running_unit(Worker& worker, TimePoint now);
  void retire(Worker& worker, const char* why);
  void condemn(Worker& worker, Condemnation why);
  void fail_unit(Submission& submission, std::uint32_t unit, const std::exception_ptr& error, Pid pid);
  void units_settled(Submission& submission, std::uint32_t count);
  void tell_if_drained();
  [[nodiscard]] std::exception_ptr verdict(const Worker& worker, ExitStatus status);
  [[nodiscard]] bool kernel_has_killed();
  void fail_waiting(const std::exception_ptr& error);
  // Only if traced_.
  void trace_start(const Worker& worker, TimePoint asked_for, const Answer& answer);
  void trace_answer(const Worker& worker, const InFlight& flight, const Answer& answer);
  void trace_loss(const Worker& worker, const InFlight& flight, const std::exception_ptr& error);
  void trace_stopped(const Submission& submission, std::uint32_t first, std::uint32_t count, const char* why);
  void trace_worker(const Worker& worker, TraceKind kind, JobId job, const char* why);
  void trace_end(const Worker& worker, ExitStatus status, const std::exception_ptr& verdict);
  [[nodiscard]] Worker* find(WorkerId id) noexcept;
  [[nodiscard]] bool announce_images(Worker& worker);

  Settings settings_;
  std::optional<MemorySize> sampled_limit_;
  Loop& loop_;

  const bool traced_;  ///< there is a trace_
  // Who serves writes these, and every submitter reads them.
  alignas(64) std::atomic<bool> hungry_{false};
  std::atomic<bool> ticking_{false};

  // Submitters.
  alignas(64) mutable std::mutex inbox_mutex_;
  std::vector<Queued> inbox_;
  std::exception_ptr refusal_;  ///< what submissions are answered with, once closed
  JobId next_id_ = 1;
  std::atomic<bool> inbox_filled_{false};
  std::atomic<std::uint64_t> submitted_{0};  ///< submissions so far; changed under inbox_mutex_
  std::size_t open_units_ = 0;               ///< under inbox_mutex_, counted only if there is a limit
  std::condition_variable fewer_open_;

  // Who serves.
  alignas(64) mutable std::mutex mutex_;
  std::atomic<std::uint64_t> settled_{0};  ///< of those that were submitted
  /// What was taken from the inbox; its memory is the inbox's next.
  std::vector<Queued> taken_in_;
  std::size_t next_taken_in_ = 0;  ///< the first of them that is not in the queue yet
  std::deque<Queued> queue_;
  std::size_t queued_units_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t next_worker_ = 0;
  bool looks_closely_ = false;  ///< now and then: for what never happens, unless a worker is stuck
  TimePoint look_again_at_ = TimePoint::max();  ///< whether those that were not woken have to be
  Depth depth_;
  Answer answer_;
  std::uint64_t jobs_done_ = 0;
  std::uint64_t jobs_lost_ = 0;
  std::atomic<std::uint64_t> startups_{0};
  TimePoint next_deadline_ = TimePoint::max();  ///< when the loop will look at limits next
  std::exception_ptr terminated_;
  std::uint64_t oom_kills_seen_;
  bool closing_ = false;
  bool drained_told_ = false;
  Waiting waiting_;
  const std::shared_ptr<TraceSink> trace_;
};

}  // namespace procpool::detail
