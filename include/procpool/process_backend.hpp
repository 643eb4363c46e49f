// SPDX-License-Identifier: MIT
/// \file
/// ProcessBackend: how workers are started, rung, killed and measured. The only door between the Pool and
/// an operating system. A backend knows nothing of jobs, limits or restarts.
///
/// A Pool uses a backend in this order: open(), any number of start(), close(). open() runs on the thread
/// that makes the Pool; everything else on the thread that serves the Pool's EventLoop, unless said
/// otherwise. A backend serves one Pool at a time.
#pragma once

#include <procpool/exit_status.hpp>
#include <procpool/export.hpp>
#include <procpool/memory_size.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace procpool {

/// Names one worker's life within its pool. Counts up from 1 and is never used again.
using WorkerId = std::uint64_t;

/// A descriptor on POSIX, a HANDLE on Windows.
using NativeHandle = std::intptr_t;

/// What a backend may use of the loop that serves its Pool. Callbacks run on the thread that serves the loop.
class EventLoop {
 public:
  /// Ends its watch when destroyed; on the loop's thread only.
  class Watch {
   public:
    virtual ~Watch() = default;
  };

  /// Calls `on_readable` whenever the descriptor (a socket on Windows) is readable, closed by its peer or in
  /// error. On the loop's thread, or before the loop runs. The descriptor must outlive the watch.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(NativeHandle descriptor,
                                                     std::function<void()> on_readable) = 0;
  /// Calls `action` on the loop's thread, soon, once. From any thread. Dropped if the loop ends first.
  virtual void post(std::function<void()> action) = 0;
  /// The `uv_loop_t*` itself, for a backend that starts its processes with libuv.
  [[nodiscard]] virtual void* native() noexcept = 0;

 protected:
  ~EventLoop() = default;
};

/// What a backend tells its Pool. On the loop's thread only; a backend that learns of things elsewhere passes
/// them through EventLoop::post().
class ProcessEvents {
 public:
  /// The process exists. Precedes everything else about this worker.
  virtual void started(WorkerId worker, Pid pid) = 0;
  /// There will be no process, and nothing else is told about this worker.
  virtual void start_failed(WorkerId worker, std::error_code error, std::string_view what) = 0;
  /// The worker called WorkerLink::ring(Bell::loop). May be told more often than rung.
  virtual void rang(WorkerId worker) = 0;
  /// The process is dead for certain and reaped, what it had started has been killed, and the memory will not
  /// change any more. The last word about this worker. Told once for each started worker, however it ended.
  virtual void exited(WorkerId worker, ExitStatus status) = 0;

 protected:
  ~ProcessEvents() = default;
};

/// The host's end of one worker. The Pool owns it and destroys it after exited(), or after close().
/// Destroying it gives back the host's handles and the mapping.
class WorkerProcess {
 public:
  virtual ~WorkerProcess() = default;

  /// The memory that both sides share. Of the size asked for, aligned to 4096, zero at first, mapped until
  /// this object is destroyed. The worker can write to all of it at any time.
  [[nodiscard]] virtual std::span<std::byte> memory() noexcept = 0;
  /// Ends the worker's WorkerLink::wait(). Any thread. Never blocks; rings that nobody heard yet may merge.
  virtual void ring() noexcept = 0;
  /// Kills the process, with no cooperation of its own, and whatever it has started. Returns at once;
  /// exited() follows.
  virtual void kill() noexcept = 0;
  /// Sends a signal to the process alone. A system without signals takes any as kill().
  virtual void signal(int signum) noexcept = 0;
  /// Interrupts a blocking system call of the task whose soft limit has passed, where the platform can. Any
  /// thread.
  virtual void nudge() noexcept = 0;
  /// The memory that the process occupies now (not its peak), or nothing once it is gone. Any thread.
  [[nodiscard]] virtual std::optional<MemorySize> footprint() noexcept = 0;
  /// True once the system has the process as ended, though exited() may not have been told yet; false if it
  /// runs or that is not known. Any thread.
  [[nodiscard]] virtual bool ended() noexcept = 0;
  /// Becomes ready (readable, signalled) when the process ends, and stays so. Owned by this object; -1 if
  /// there is none.
  [[nodiscard]] virtual NativeHandle sentinel() noexcept = 0;
  /// What the process has written to its standard error lately, at most WorkerSetup::capture_stderr bytes,
  /// and after exited() all that it ever wrote within that. Empty if it is not captured, which is what a
  /// backend that cannot capture leaves it at. Any thread.
  [[nodiscard]] virtual std::string stderr_tail() { return {}; }
};

/// The bell on which one thread of the host sleeps while it waits for a result: one for each pool, rung by
/// any worker.
class HostBell {
 public:
  virtual ~HostBell() = default;
  /// Sleeps until the bell rings or `timeout` has passed; true if it rang. A ring before the wait counts, and
  /// a wait uses up all rings before it. One thread at a time.
  virtual bool wait(Duration timeout) noexcept = 0;
  /// Any thread. Never blocks.
  virtual void ring() noexcept = 0;
};

/// What the workers of a pool have in common. Applied by the backend before any code of the worker's runs.
struct WorkerSetup {
  /// The program that workers run; empty for the host's own. Not with Backend::fork.
  std::string program;
  /// Set on top of the environment of the host.
  std::map<std::string, std::string> environment;
  /// Empty: the host's.
  std::string working_directory;
  /// A cap that the kernel shall enforce; see ProcessBackend::enforces_memory_limit().
  std::optional<MemorySize> memory_limit;
  /// So many of the last bytes that a worker writes to its standard error are kept, for
  /// WorkerProcess::stderr_tail(), and it goes nowhere else. A worker that writes faster than the loop is
  /// served waits. Nothing: workers have the host's standard error.
  std::optional<MemorySize> capture_stderr;
};

/// How worker processes are made. See the file's comment for the order of calls and the threads.
class ProcessBackend {
 public:
  virtual ~ProcessBackend() = default;

  /// For people: "fork", "spawn".
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Gets ready to start workers. Both references outlive close(). Throws SpawnError, or NotInitializedError
  /// where workers re-run the program and procpool::init was not called.
  virtual void open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) = 0;

  /// Starts one worker with `memory_bytes` of shared memory. Returns before the process exists: started() or
  /// start_failed() follows, never from within this call. The Pool may write to the memory and ring at once.
  /// Throws SpawnError if it cannot even begin (no descriptors, no memory), and nothing is told then.
  [[nodiscard]] virtual std::unique_ptr<WorkerProcess> start(WorkerId worker, std::size_t memory_bytes) = 0;

  /// Valid between open() and close().
  [[nodiscard]] virtual HostBell& bell() noexcept = 0;

  /// True if WorkerSetup::memory_limit is enforced by the kernel. Valid after open().
  [[nodiscard]] virtual bool enforces_memory_limit() const noexcept = 0;

  /// Kills every worker that is left with all they started, and returns when they are dead and nothing that
  /// open() or start() made is left, in bounded time. No event is told any more. The loop may be served or
  /// not, but not by another thread.
  virtual void close() noexcept = 0;
};

/// The worker's end of its channel, given to run_worker() by the backend's code in the worker.
class WorkerLink {
 public:
  enum class Wake : std::uint8_t { rung, timed_out, host_gone };
  enum class Bell : std::uint8_t { loop, leader };

  /// The memory of WorkerProcess::memory().
  [[nodiscard]] virtual std::span<std::byte> memory() noexcept = 0;
  /// Sleeps until the host rings. A ring before the wait counts.
  virtual Wake wait(std::optional<Duration> timeout) noexcept = 0;
  /// Wakes the host: its loop (ProcessEvents::rang) or the thread at the HostBell. Never blocks.
  virtual void ring(Bell bell) noexcept = 0;

 protected:
  ~WorkerLink() = default;
};

/// Runs tasks until the host says stop or is gone, and returns the code to exit with. Called once in a worker
/// process, on its main thread.
[[nodiscard]] PROCPOOL_EXPORT int run_worker(WorkerLink& link);

}  // namespace procpool
