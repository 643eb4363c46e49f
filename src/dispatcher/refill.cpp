// SPDX-License-Identifier: MIT
// The part of the Dispatcher that brings jobs to workers, and takes them back for others.
#include "dispatcher/dispatcher.hpp"
#include "tasks/image_table.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

namespace procpool::detail {
namespace {

/// A task that has run this long may well run much longer: all that waits behind it goes elsewhere.
constexpr Duration long_task = std::chrono::microseconds(500);

}  // namespace

void Dispatcher::refill() {
  if (queue_.empty() || workers_.empty()) return;
  std::size_t active = 0;
  std::size_t units = queued_units_;
  for (const auto& worker : workers_) {
    if (!worker->takes_jobs()) continue;
    ++active;
    units += worker->jobs_out();
  }
  if (active == 0) return;
  const TimePoint now = settings_.now();
  std::size_t used = active;
  std::size_t wakes = active;
  if (spares_wakes(now)) {
    const auto awake =
        static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
          return worker->takes_jobs() && !worker->channel.asleep();
        }));
    const std::size_t wanted = std::max<std::size_t>(units / depth_.jobs_per_wake(), 1);
    used = std::clamp(wanted, std::max<std::size_t>(awake, 1), active);
    wakes = used - std::min(used, awake);
  }
  // While few jobs wait each worker gets its fair share, so that all of them are done at the same time.
  const std::size_t share = (units + used - 1) / used;
  const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(depth_.jobs(), share));
  // Who has nothing comes first, with one job each: then jobs begin in the order in which they were
  // submitted.
  stage_round(now, 0, 1, wakes);
  if (most > 1 && !queue_.empty()) stage_round(now, most / 2, most, wakes);
  for (const auto& worker : workers_) worker->channel.commit();
  // With an empty queue the next job goes to who had this one, and is still awake.
  if (!queue_.empty()) ++next_worker_;
}

/// Gives each worker that has at most `few` jobs so many that it has `most`; `wakes` says how many of those
/// that sleep.
void Dispatcher::stage_round(TimePoint now, std::uint32_t few, std::uint32_t most, std::size_t& wakes) {
  // A worker that may end after any job is given them one by one.
  const bool alone = settings_.terms.max_tasks != 0 || settings_.terms.max_footprint != 0;
  const std::uint32_t pack = alone ? 1 : depth_.jobs_per_pack();
  for (std::size_t i = 0; i < workers_.size() && !queue_.empty(); ++i) {
    Worker& worker = *workers_[(next_worker_ + i) % workers_.size()];
    if (!worker.takes_jobs() || worker.jobs_out() > few || !announce_images(worker)) continue;
    if (worker.jobs_out() == 0 && worker.channel.asleep()) {
      if (wakes == 0) {
        look_again(now);
        continue;
      }
      --wakes;
    }
    while (worker.jobs_out() < most && stage_next(worker, std::min(most - worker.jobs_out(), pack), now)) {
    }
  }
}

/// A job, or a pack of up to `most` units.
bool Dispatcher::stage_next(Worker& worker, std::uint32_t most, TimePoint now) {
  while (!queue_.empty()) {
    Queued& queued = queue_.front();
    if (queued.first == queued.end) {
      let_go(std::move(queued.submission));
      queue_.pop_front();
      continue;
    }
    if (queued.submission->settled(queued.first)) {
      ++queued.first;
      --queued_units_;
      continue;
    }
    Message message;
    message.id = queued.submission->first_id() + queued.first;
    queued.submission->describe(queued.first, std::min(most, queued.end - queued.first), message);
    const Limits limits = queued.submission->limits();
    message.soft_limit = limits.soft;
    message.hard_limit = limits.hard;
    if (!worker.channel.has_room(message)) return false;
    worker.channel.stage(message);
    if (limits.any()) expect_deadline(after(now, nearer(limits)));
    InFlight flight{{}, queued.first, message.count, message.announce, message.ask, now, false, queued.first};
    queued_units_ -= message.count;
    queued.first += message.count;
    if (queued.first == queued.end) {
      flight.submission = std::move(queued.submission);
      queue_.pop_front();
    } else {
      flight.submission = queued.submission;
    }
    worker.out.push_back(std::move(flight));
    return true;
  }
  return false;
}

bool Dispatcher::announce_images(Worker& worker) {
  for (std::uint32_t known = worker.channel.images_announced(); known < image_count(); ++known) {
    if (worker.channel.announce_image(image_record(known))) continue;
    fail_waiting(std::make_exception_ptr(
        TaskNotFoundError("procpool: tasks come from more programs and libraries than a pool can name")));
    return false;
  }
  return true;
}

/// What waits behind what it does now should not.
bool Dispatcher::is_stuck(const Worker& worker, TimePoint now) {
  if (worker.out.empty()) return false;
  if (!worker.up) return true;
  const auto running = worker.channel.running(worker.out.front().published, now);
  return running && now - running->started > long_task;
}

/// Jobs that take less time than to wake a worker are left to those that are awake. Not while the CPUs
/// suffice for all, nor while a job shows that not all are quick.
bool Dispatcher::spares_wakes(TimePoint now) const {
  return workers_.size() > settings_.cpus && depth_.jobs_per_wake() > 1 &&
         std::none_of(workers_.begin(), workers_.end(),
                      [now](const auto& worker) { return is_stuck(*worker, now); });
}

/// Not all were woken: soon, are those that are awake as quick as was thought?
void Dispatcher::look_again(TimePoint now) {
  if (look_again_at_ != TimePoint::max()) return;
  look_again_at_ = now + 2 * long_task;
  expect_deadline(look_again_at_);
}

/// When the queue is empty, a worker that has nothing gets a part of what the one with the most has not
/// started.
bool Dispatcher::rebalance() {
  if (!queue_.empty()) return false;
  bool moved = false;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const auto& idle = workers_[i];
    if (!idle->takes_jobs() || idle->jobs_out() != 0) continue;
    Worker* richest = nullptr;
    std::uint32_t most = 0;
    for (const auto& worker : workers_) {
      // A single job that was published just now will be claimed in a moment.
      if (worker->out.units() < 2 && !(looks_closely_ && ignores_its_work(*worker, settings_.now())))
        continue;
      const std::uint32_t unclaimed = worker->channel.unclaimed();
      if (unclaimed > most) {
        most = unclaimed;
        richest = worker.get();
      }
    }
    if (richest == nullptr) break;
    const TimePoint now = settings_.now();
    if (idle->channel.asleep() && most < depth_.jobs_per_wake() && spares_wakes(now)) {
      look_again(now);
      break;
    }
    const bool stuck = is_stuck(*richest, now);
    const std::uint32_t movable = richest->jobs_out();
    const std::uint32_t count = std::min(movable, stuck ? most : (most + 1) / 2);
    const std::uint32_t taken = richest->channel.take_back(count);
    put_back(*richest, taken);
    if (taken == 0) break;
    moved = true;
    if (richest->jobs_out() == 0) next_worker_ = i;  // or it would get its only job back
    refill();
    if (!queue_.empty()) break;
  }
  return moved;
}

/// The newest `count` jobs of the worker, which it has not claimed, go to the front of the queue. They fail
/// if there is no memory for that.
void Dispatcher::put_back(Worker& worker, std::uint32_t count) {
  while (count != 0) {
    InFlight flight = worker.out.pop_back(count);
    count -= flight.count;
    if (!flight.submission) {
      --worker.greetings;
      continue;
    }
    queued_units_ += flight.count;
    if (!queue_.empty()) {
      Queued& front = queue_.front();
      if (front.submission.get() == flight.submission.get() && front.first == flight.unit + flight.count) {
        front.first = flight.unit;
        continue;
      }
    }
    Queued again{std::move(flight.submission), flight.unit, flight.unit + flight.count};
    try {
      queue_.push_front(std::move(again));
    } catch (const std::bad_alloc&) {
      queued_units_ -= flight.count;
      const std::exception_ptr error = std::current_exception();
      for (std::uint32_t unit = again.first; unit < again.end; ++unit)
        fail_unit(*again.submission, unit, error, 0);
      let_go(std::move(again.submission));
    }
  }
}

}  // namespace procpool::detail
