// SPDX-License-Identifier: MIT
/// \file
/// What can be said when a pool is made, and with each call. All fields are optional; use designated
/// initializers.
#pragma once

#include <procpool/exit_status.hpp>
#include <procpool/export.hpp>
#include <procpool/memory_size.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/semaphore.hpp>
#include <procpool/task.hpp>
#include <procpool/types.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procpool {

/// How workers are made. All of them see the same host: what it was when the pool was made (fork), or what a
/// fresh start of the program makes of it (forkserver, spawn). Windows has only the last.
enum class Backend : unsigned char {
  fork,  ///< Forked from a launcher that was forked from the host in Pool's constructor. The fastest; the
         ///< host's memory, as it was then, can be used by tasks. Make the pool before other threads.
  forkserver,  ///< Forked from a launcher that runs the program anew. Nothing of the host is inherited.
  spawn,       ///< Each worker runs the program anew.
};

/// A Backend, or a ProcessBackend of one's own.
class BackendChoice {
 public:
  BackendChoice(Backend backend) : choice_(backend) {}  // NOLINT(google-explicit-constructor)
  /// `backend` serves one pool at a time, and is kept until that ends. Not null.
  template <std::derived_from<ProcessBackend> T>
  BackendChoice(std::shared_ptr<T> backend)  // NOLINT(google-explicit-constructor)
      : choice_(std::shared_ptr<ProcessBackend>(std::move(backend))) {}

  [[nodiscard]] const std::variant<Backend, std::shared_ptr<ProcessBackend>>& get() const noexcept {
    return choice_;
  }

 private:
  std::variant<Backend, std::shared_ptr<ProcessBackend>> choice_;
};

/// Who sees to PoolOptions::memory_limit.
enum class MemoryLimitBy : unsigned char { nobody, kernel, sampling };

/// A worker, for hooks.
struct WorkerInfo {
  WorkerId id = 0;
  Pid pid = 0;
};

/// A job, for hooks.
struct JobInfo {
  JobId id = 0;
  Pid pid = 0;  ///< the worker's; 0 if none has begun with it
  std::string correlation_id;
};

/// Which exceptions a callback is expected to let out.
class ExceptionTypes {
 public:
  ExceptionTypes() = default;
  template <class... E>
  [[nodiscard]] static ExceptionTypes of() {
    ExceptionTypes types;
    (types.matches_.push_back(&is<E>), ...);
    return types;
  }
  [[nodiscard]] bool contains(const std::exception_ptr& error) const {
    for (const auto match : matches_) {
      if (match(error)) return true;
    }
    return false;
  }

 private:
  template <class E>
  static bool is(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  std::vector<bool (*)(const std::exception_ptr&)> matches_;
};

/// `.callbacks_propagate = procpool::propagate<MyError>()`
template <class... E>
[[nodiscard]] ExceptionTypes propagate() {
  return ExceptionTypes::of<E...>();
}

/// For Pool's constructor, which throws std::invalid_argument naming the field if one makes no sense.
struct PoolOptions {
  /// How many workers. Default: cpu_count().
  std::optional<std::size_t> processes{};
  /// Run in each worker before its first task: a function without parameters, or procpool::task(f,
  /// arguments...). If it throws in one worker after the other, the pool fails with a SpawnError in which its
  /// exception is nested. It may take its time; but a worker that has not even got as far two minutes after
  /// its birth, because it hangs in what runs before init(), is replaced, and if that happens to one after
  /// the other the pool fails with SpawnError.
  Initializer initializer{};
  /// A worker ends after so many jobs (chunks count as one), and another takes its place. Not 0. Default: no
  /// limit.
  std::optional<std::size_t> max_tasks_per_child{};
  /// The hard time limit of each job: one that runs longer is killed with its worker and fails with
  /// TimeLimitExceeded. The clock starts when the worker begins with the job. Default: none.
  std::optional<Duration> timeout{};
  /// The soft time limit: the task is asked to stop; see this_task.hpp. Not above `timeout`. Default: none.
  std::optional<Duration> soft_timeout{};
  /// A job whose worker is dead or has to be killed settles at the latest after this, even if nobody has told
  /// by then how the process has ended, and what waited behind it goes to others; as a rule a loss is told
  /// within a millisecond. Default: 10 s.
  std::optional<Duration> lost_worker_timeout{};
  /// How many workers may be lost and replaced within `max_restart_freq` without any job being accepted in
  /// between. Above it every open job and every later call fails with RestartFreqExceeded. Default: 100 for
  /// each worker.
  std::optional<std::size_t> max_restarts{};
  /// Default: 1 s.
  std::optional<Duration> max_restart_freq{};
  /// Told when a worker process has been started, and when one has ended. On the callback thread.
  std::function<void(WorkerInfo)> on_process_up{};
  std::function<void(WorkerInfo, ExitStatus)> on_process_down{};
  /// Told when a worker has begun with a job that has limits, and when such a job has ended. On the callback
  /// thread.
  std::function<void(JobInfo, std::optional<Duration> soft, std::optional<Duration> hard)> on_timeout_set{};
  std::function<void(JobInfo)> on_timeout_cancel{};
  /// False: the pool has no threads, and the caller drives it: wait for Pool::event_handle() and call
  /// Pool::handle_result_event(), which also makes the callbacks. A get() or join() drives it as well while
  /// it waits. One thread may drive at a time; the others wait for it. Threads of the pool have the signal
  /// mask of the thread that makes it: block before that what sigwait(3) is to get.
  bool threads = true;
  /// Each apply_async takes a slot of this, and gives it back when it has settled: a call waits while none is
  /// free, unless it says waitforslot = false. Default: with `putlocks` one slot for each worker, else none
  /// are taken.
  std::shared_ptr<Semaphore> semaphore{};
  bool putlocks = false;
  /// Pool::restart() may be called. Default: it may not.
  bool allow_restart = false;
  /// A worker that takes a job waits for the host's word before it begins: an accept_callback that throws
  /// refuses the job, which fails with Terminated, and a job that was cancelled meanwhile never runs. Costs a
  /// round trip for each job.
  bool synack = false;
  /// Run in each worker that ends in good order, as its last act: gets its pid and exit code. A worker that
  /// has not ended 30 s after it has nothing left to do is killed.
  ExitTask on_process_exit{};
  /// Default: Backend::fork; on macOS and Windows Backend::spawn.
  std::optional<BackendChoice> backend{};
  /// A worker that occupies more than this after a task, above what it was born with, ends, and another takes
  /// its place; the result is kept. Looked at after each task, which costs some 20 us. Default: no limit.
  std::optional<MemorySize> max_memory_per_child{};
  /// False: time limits are not to be used; giving one to the pool or to a job is then an error. Default:
  /// they may be.
  bool enable_timeouts = true;
  /// A cap on the memory of a worker while it runs a task, above what it was born with (Windows: on all that
  /// it commits, as its Job Object counts that). Where the kernel enforces it (Linux: RLIMIT_DATA; Windows:
  /// the Job Object) an allocation fails; elsewhere the worker is measured every few milliseconds and killed.
  /// Either way the job fails with MemoryLimitExceeded. Pool::memory_limit_by() tells which. Default: none.
  std::optional<MemorySize> memory_limit{};
  /// While so many jobs (chunks count as one) have not settled, a submission waits. Not 0. Default: no limit.
  std::optional<std::size_t> max_queued_jobs{};
  /// The program that workers run in place of the host's own; it calls procpool::init, and knows tasks by
  /// name: see procpool::named. Not with Backend::fork.
  std::string worker_program{};
  /// Set in workers on top of the host's environment.
  std::map<std::string, std::string> environment{};
  /// Where workers run. Default: where the host does.
  std::string working_directory{};
  /// Told in words of workers that are lost and starts that fail. On the callback thread.
  std::function<void(const std::string& message)> on_log{};
  /// With `synack`: told of the word that a worker is given. On the callback thread.
  std::function<void(JobInfo, bool accepted)> send_ack{};
  /// Told when a job has settled, before its callbacks. On the callback thread.
  std::function<void(JobInfo)> on_job_ready{};
  /// The longest message: the arguments of one call (or chunk), or its results, encoded. Longer ones are a
  /// SerializationError. Default: 512 MiB; at most 2 GiB.
  std::optional<MemorySize> max_message_size{};
  /// Keeps so many of the last bytes that each worker writes to stderr, for WorkerLostError::stderr_tail();
  /// they appear nowhere else. What a job had on stderr is not told apart from what the jobs before it in the
  /// same worker had. Not 0, and 64 MiB at most. A worker that writes faster than the pool is served waits:
  /// with `threads` = false for whoever drives it. Refused on Windows. Default: not captured, stderr is the
  /// host's.
  std::optional<MemorySize> capture_stderr{};
  /// A file for a timeline of the pool, in the Trace Event Format that ui.perfetto.dev and chrome://tracing
  /// open: jobs on workers, how long they waited, limits, kills, losses and restarts; see docs/trace.md. A
  /// file that is there is replaced; one that cannot be written is a std::invalid_argument. UTF-8 on Windows.
  /// Written on the callback thread; what it does not get round to is left out, and counted. If the disk
  /// fails the trace ends, which `on_log` is told, and the pool goes on. Default: none, at no cost.
  std::string trace{};
};

/// For Pool::apply_async. T is what the task returns. Callbacks run on the pool's callback thread. One for
/// which the host has no memory is not called.
template <class T>
struct CallOptions {
  using Callback =
      std::conditional_t<std::is_void_v<T>, std::function<void()>,
                         std::function<void(const std::conditional_t<std::is_void_v<T>, int, T>&)>>;

  /// Gets what the task returned.
  Callback callback{};
  /// Gets what the result's get() would throw.
  std::function<void(std::exception_ptr)> error_callback{};
  /// Told when a worker begins with the task.
  std::function<void(Pid pid, TimePoint accepted)> accept_callback{};
  /// Told when a limit has passed while the task ran: which one, and how long it was.
  std::function<void(bool soft, Duration limit)> timeout_callback{};
  /// With PoolOptions::semaphore or putlocks: wait for a free slot; false: take none.
  bool waitforslot = true;
  /// In place of the pool's. Not 0; soft not above hard.
  std::optional<Duration> soft_timeout{};
  std::optional<Duration> timeout{};
  /// In place of PoolOptions::lost_worker_timeout.
  std::optional<Duration> lost_worker_timeout{};
  /// What the callbacks may throw. Everything they throw reaches Pool::on_callback_error; what is not named
  /// here is logged as well.
  ExceptionTypes callbacks_propagate{};
  /// Whatever the caller wants to find again in the handle.
  std::string correlation_id{};
  /// Told what the task says with this_task::report_progress(). Reports that come faster than it returns
  /// wait; above some 4 MiB of them the newest are dropped.
  std::function<void(double fraction, const std::string& note)> progress_callback{};
};

/// For Pool::map_async and Pool::starmap_async. T is what the task returns for one item.
template <class T>
struct MapOptions {
  using Callback = std::conditional_t<
      std::is_void_v<T>, std::function<void()>,
      std::function<void(const std::vector<std::conditional_t<std::is_void_v<T>, char, T>>&)>>;

  /// How many items are one job, with one time limit, which is lost as a whole with its worker. From 1 to
  /// 1,048,576. Left out, each item is a job of its own; procpool sends many in one message when they are
  /// fast.
  std::optional<std::size_t> chunksize{};
  /// Gets all results, in the order of the input.
  Callback callback{};
  /// Gets the error of the first item that failed, once all items have settled.
  std::function<void(std::exception_ptr)> error_callback{};
  /// Told for each item, or chunk, that a worker begins with.
  std::function<void(Pid pid, TimePoint accepted)> accept_callback{};
  /// Told for each item, or chunk, that ran into a limit.
  std::function<void(bool soft, Duration limit)> timeout_callback{};
  /// In place of the pool's, for each item, or for each chunk if there is a chunksize. Not 0; soft not above
  /// hard.
  std::optional<Duration> soft_timeout{};
  std::optional<Duration> timeout{};
  std::optional<Duration> lost_worker_timeout{};
  ExceptionTypes callbacks_propagate{};
  std::string correlation_id{};
  /// Told what the tasks say with this_task::report_progress().
  std::function<void(double fraction, const std::string& note)> progress_callback{};
};

}  // namespace procpool
