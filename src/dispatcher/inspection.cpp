// SPDX-License-Identifier: MIT
// The part of the Dispatcher that answers questions.
#include "dispatcher/dispatcher.hpp"

#include <algorithm>
#include <cstdint>

namespace procpool::detail {

std::vector<Pid> Dispatcher::worker_pids() const {
  const std::unique_lock guard = waiting_.enter(mutex_);
  std::vector<Pid> pids;
  for (const auto& worker : workers_) {
    if (worker->pid != 0 && worker->takes_jobs()) pids.push_back(worker->pid);
  }
  return pids;
}

std::vector<Pid> Dispatcher::running_on(const Submission& submission) const {
  const std::unique_lock guard = waiting_.enter(mutex_);
  std::vector<Pid> pids;
  for (const auto& worker : workers_) {
    // Claimed are the one that runs and, before it, those whose answers nobody has fetched yet.
    const std::uint32_t units = worker->out.units();
    const std::uint32_t claimed = units - std::min(units, worker->channel.unclaimed());
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; before < claimed; ++i) {
      const InFlight& flight = worker->out.at(i);
      if (flight.submission.get() == &submission) {
        pids.push_back(worker->pid);
        break;
      }
      before += flight.count;
    }
  }
  return pids;
}

std::vector<NativeHandle> Dispatcher::sentinels() const {
  const std::unique_lock guard = waiting_.enter(mutex_);
  std::vector<NativeHandle> handles;
  for (const auto& worker : workers_) {
    const NativeHandle handle = worker->process->sentinel();
    if (handle >= 0) handles.push_back(handle);
  }
  return handles;
}

bool Dispatcher::none_runs() const {
  const std::unique_lock guard = waiting_.enter(mutex_);
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->pid == 0 || worker->process->ended(); });
}

PoolStats Dispatcher::stats() const {
  const std::unique_lock guard = waiting_.enter(mutex_);
  PoolStats stats;
  stats.done = jobs_done_;
  stats.lost = jobs_lost_;
  stats.queued = queued_units_;
  for (const auto& worker : workers_) {
    const std::uint32_t waiting = worker->given_up ? 0 : worker->channel.unclaimed();
    const bool running = worker->up && worker->out.units() > waiting;
    stats.queued += worker->up ? waiting : worker->jobs_out();
    stats.running += running ? 1 : 0;
    stats.workers.push_back(
        {worker->pid, worker->jobs_done, worker->busy, running, worker->process->footprint()});
  }
  const std::lock_guard inbox_guard(inbox_mutex_);
  for (const Queued& queued : inbox_) stats.queued += queued.end - queued.first;
  return stats;
}

}  // namespace procpool::detail
