// SPDX-License-Identifier: MIT
/// \file
/// TraceSink: what the parts of a pool tell for a timeline of it.
#pragma once

#include <procpool/exit_status.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace procpool::detail {

enum class TraceKind : std::uint8_t {
  job,           ///< a worker has run a job, or jobs of a pack: from `begin` to `end`
  job_stopped,   ///< jobs settled that no worker had begun with
  soft_limit,    ///< a worker was told that the soft limit of its job has passed
  worker_start,  ///< from the order to start a worker until it was ready for jobs
  worker_up,     ///< its process is there
  worker_kill,   ///< procpool has decided to kill a worker
  worker_retire,
  worker_end,
  restart,       ///< a worker is, or will be, started in place of this one
  start_failed,  ///< no process came to be
};

/// Names the task of an event; 0: unknown.
using TraceTask = std::uint32_t;

struct TraceEvent {
  TraceKind kind = TraceKind::job;
  bool expected = true;  ///< worker_end: procpool wanted it
  TraceTask task = 0;
  WorkerId worker = 0;
  Pid pid = 0;              ///< the worker's; 0 if it is not known (yet)
  std::uint32_t count = 1;  ///< of jobs
  JobId job = 0;            ///< the first of these; 0: none
  TimePoint begin{};        ///< or when it happened
  TimePoint end{};
  Duration queued{0};     ///< job: from the submission to `begin`; filled in by the sink
  ExitStatus status{};    ///< worker_end
  const char* what = "";  ///< how, or why; static
  std::string text{};     ///< in words, if `what` does not say all
};

/// Any thread, mostly with the Dispatcher's lock held: short, without input or output, and never a call back
/// into the pool.
class TraceSink {
 public:
  /// The job, and all that follow it up to the next call, were submitted at `now`. Ids rise.
  virtual void submitted(JobId first, TimePoint now) noexcept = 0;
  /// A number for the task that a Message names by these.
  [[nodiscard]] virtual TraceTask task(std::uint64_t ref, std::span<const std::byte> prefix) noexcept = 0;
  /// In the order in which they ended or happened, for each worker.
  virtual void add(TraceEvent&& event) noexcept = 0;

 protected:
  ~TraceSink() = default;
};

}  // namespace procpool::detail
