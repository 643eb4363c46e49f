// SPDX-License-Identifier: MIT
/// \file
/// InMemoryBackend: a ProcessBackend whose workers are threads of the test process. They run the real
/// procpool::run_worker over plain memory, and die by script.
#pragma once

#include <procpool/process_backend.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace procpool::testing {

namespace in_memory {

struct Backend;
struct Worker;

/// True on a thread that plays a worker process.
[[nodiscard]] bool inside_worker() noexcept;
/// In a task: the id by which the Pool knows this worker. 0 outside.
[[nodiscard]] Pid this_worker_pid() noexcept;
/// The worker that has this id for the Pool.
[[nodiscard]] WorkerId worker_of(Pid pid) noexcept;
/// In a task: the memory that this worker shares with the host, for tasks that scribble on it.
[[nodiscard]] std::span<std::byte> this_worker_memory() noexcept;
/// In a task: what a process would write to its stderr. Goes nowhere unless it is captured.
void write_stderr(std::string_view text);
/// In a task: the worker dies here with this status. The thread is parked and only unwound by close().
[[noreturn]] void die(ExitStatus status);
/// In a task: blocks until the worker is killed or the pool closes. Never returns to the task.
[[noreturn]] void hang();
/// In a task that loops: dies here if the worker has been killed.
void check_alive();

}  // namespace in_memory

/// What differs from processes: a killed worker dies at its next call into its link, in hang(), die() or
/// check_alive(), not in the middle of other code; exited() is told from then on, so the memory does not
/// change after it, as the contract says. Functions without another comment may be called from any thread, at
/// any time.
class InMemoryBackend final : public ProcessBackend {
 public:
  using WorkerMain = std::function<int(WorkerLink&)>;

  /// `worker_main` is what each worker's thread runs.
  explicit InMemoryBackend(WorkerMain worker_main = run_worker);
  ~InMemoryBackend() override;

  /// The next `count` workers are told as start_failed.
  void fail_next_starts(int count, std::errc error = std::errc::resource_unavailable_try_again);
  /// The next `count` workers end with `status` before they run any code of procpool's.
  void exit_next_before_hello(int count, ExitStatus status);
  /// As if somebody outside had ended this worker.
  void end_from_outside(WorkerId worker, ExitStatus status);
  /// What footprint() says of every worker from now on; 1 MiB at first.
  void set_footprint(MemorySize size);

  [[nodiscard]] std::size_t starts() const;
  [[nodiscard]] std::size_t kills() const;
  [[nodiscard]] std::size_t nudges() const;
  /// The signals that were sent, oldest first. SIGKILL and SIGTERM end a worker; the others are only listed.
  [[nodiscard]] std::vector<int> signals() const;
  /// Started, and exited() not yet told.
  [[nodiscard]] std::vector<WorkerId> alive() const;

  [[nodiscard]] std::string_view name() const noexcept override { return "in-memory"; }
  void open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) override;
  [[nodiscard]] std::unique_ptr<WorkerProcess> start(WorkerId worker, std::size_t memory_bytes) override;
  [[nodiscard]] HostBell& bell() noexcept override;
  [[nodiscard]] bool enforces_memory_limit() const noexcept override { return false; }
  /// Waits up to ten seconds for tasks that do not look whether they are dead, then aborts the test program.
  void close() noexcept override;

 private:
  std::shared_ptr<in_memory::Backend> state_;
};

}  // namespace procpool::testing
