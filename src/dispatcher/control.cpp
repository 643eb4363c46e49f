// SPDX-License-Identifier: MIT
// The part of the Dispatcher that stops single jobs.
#include "dispatcher/dispatcher.hpp"
#include "dispatcher/loss.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace procpool::detail {

bool Dispatcher::cancel(Submission& submission, const std::exception_ptr& error) {
  std::unique_lock lock = waiting_.enter(mutex_);
  catch_up();
  withdraw(submission);
  if (submission.units() == 1 && fail_asking(submission, error)) {
    pass();
    finish_turn(lock);
    return true;
  }
  const InQueue found = find_queued(submission);
  const bool untouched = found.units == submission.units();
  if (untouched) fail_queued(submission, found, error, "cancelled");
  pass();
  finish_turn(lock);
  return untouched;
}

void Dispatcher::terminate(Submission& submission, int signum, const std::exception_ptr& error) {
  std::unique_lock lock = waiting_.enter(mutex_);
  catch_up();
  withdraw(submission);
  fail_queued(submission, find_queued(submission), error, "terminated");
  for (const auto& worker : workers_) {
    if (!has_unit_of(*worker, submission) || !hold_if_running(*worker, submission, std::nullopt)) continue;
    worker->signum = signum;
    condemn(*worker, Condemnation::job_terminated);
  }
  pass();
  finish_turn(lock);
}

void Dispatcher::discard(Submission& submission, const std::exception_ptr& error) {
  std::unique_lock lock = waiting_.enter(mutex_);
  catch_up();
  withdraw(submission);
  if (traced_) trace_stopped(submission, 0, submission.units(), "discarded");
  // Its worker's answer will find it settled.
  for (std::uint32_t unit = 0; unit < submission.units(); ++unit) fail_unit(submission, unit, error, 0);
  forget_queued(submission, find_queued(submission));
  pass();
  finish_turn(lock);
}

bool Dispatcher::terminate_worker(Pid pid, int signum) {
  std::unique_lock lock = waiting_.enter(mutex_);
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [pid](const auto& worker) { return worker->pid == pid; });
  const bool ours = found != workers_.end() && pid != 0;
  if (ours) {
    drain(**found);
    (*found)->signum = signum;
    condemn(**found, Condemnation::job_terminated);
    pass();
  }
  finish_turn(lock);
  return ours;
}

void Dispatcher::acknowledge(const Submission& submission, std::uint32_t unit, bool go) {
  std::unique_lock lock = waiting_.enter(mutex_);
  for (const auto& worker : workers_) {
    if (worker->out.empty()) continue;
    InFlight& front = worker->out.front();
    if (front.submission.get() != &submission || front.unit != unit || !front.asks) continue;
    front.asks = false;
    front.published = settings_.now();
    front.started = TimePoint::max();
    worker->channel.acknowledge(submission.first_id() + unit, go && !submission.settled(unit));
  }
  finish_turn(lock);
}

/// Settles a single job whose worker asks and has no answer yet; false if there is none.
bool Dispatcher::fail_asking(Submission& submission, const std::exception_ptr& error) {
  for (const auto& worker : workers_) {
    if (worker->out.empty()) continue;
    InFlight& front = worker->out.front();
    if (front.submission.get() != &submission || !front.asks) continue;
    front.asks = false;
    const std::uint32_t unit = front.unit;
    if (traced_) trace_stopped(submission, unit, 1, "cancelled");
    worker->channel.acknowledge(submission.first_id() + unit, false);
    fail_unit(submission, unit, error, 0);
    return true;
  }
  return false;
}

/// Takes back from the workers whatever units of it they have not begun with.
void Dispatcher::withdraw(Submission& submission) {
  for (const auto& worker : workers_) {
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i < worker->out.messages(); ++i) {
      const InFlight& flight = worker->out.at(i);
      if (flight.submission.get() == &submission) break;
      before += flight.count;
    }
    // Only the newest can be taken back, so what is behind it comes along, and is published anew.
    const std::uint32_t behind = worker->out.units() - before;
    if (behind != 0) put_back(*worker, worker->channel.take_back(behind));
  }
}

/// Looks from both ends, and no further than to the last of them: who stops many jobs begins with the oldest
/// or with the newest, as a rule.
Dispatcher::InQueue Dispatcher::find_queued(const Submission& submission) const noexcept {
  InQueue found{queue_.size(), 0, 0};
  const auto look_at = [&](std::size_t place) {
    const Queued& queued = queue_[place];
    if (queued.submission.get() != &submission) return;
    found.first = std::min(found.first, place);
    found.end = std::max(found.end, place + 1);
    found.units += queued.end - queued.first;
  };
  std::size_t front = 0;
  std::size_t back = queue_.size();
  while (front < back && found.units != submission.units()) {
    look_at(front++);
    if (front < back) look_at(--back);
  }
  return found;
}

void Dispatcher::fail_queued(Submission& submission, const InQueue& found, const std::exception_ptr& error,
                             const char* how) {
  for (std::size_t place = found.first; place < found.end; ++place) {
    const Queued& queued = queue_[place];
    if (queued.submission.get() != &submission) continue;
    if (traced_) trace_stopped(submission, queued.first, queued.end - queued.first, how);
    for (std::uint32_t unit = queued.first; unit < queued.end; ++unit) fail_unit(submission, unit, error, 0);
  }
  forget_queued(submission, found);
}

/// What has settled need not wait, with its arguments, until a worker has room for it.
void Dispatcher::forget_queued(const Submission& submission, const InQueue& found) {
  if (found.units == 0) return;
  const auto place = [this](std::size_t index) {
    return queue_.begin() + static_cast<std::ptrdiff_t>(index);
  };
  auto kept = place(found.first);
  for (auto queued = kept; queued != place(found.end); ++queued) {
    if (queued->submission.get() == &submission) {
      let_go(std::move(queued->submission));
    } else {
      std::swap(*kept++, *queued);
    }
  }
  queue_.erase(kept, place(found.end));
  queued_units_ -= found.units;
}

bool Dispatcher::has_unit_of(Worker& worker, const Submission& submission) noexcept {
  for (std::uint32_t i = 0; i < worker.out.messages(); ++i) {
    if (worker.out.at(i).submission.get() == &submission) return true;
  }
  return false;
}

/// Stops the worker from starting anything; false, and undone, if it does not run a unit of this, or the one
/// that is meant: that may have finished at the last moment.
bool Dispatcher::hold_if_running(Worker& worker, const Submission& submission,
                                 std::optional<std::uint32_t> unit) {
  worker.channel.hold(true);
  drain_all(worker);
  const bool runs = !worker.out.empty() && worker.out.front().submission.get() == &submission &&
                    (!unit || worker.out.front().unit == *unit);
  if (!runs) worker.channel.hold(false);
  return runs;
}

}  // namespace procpool::detail
