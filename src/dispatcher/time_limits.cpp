// SPDX-License-Identifier: MIT
// The part of the Dispatcher that enforces time limits. The clock of a limit runs while the worker runs the
// job, so each worker has one deadline at most: that of the oldest job it has not answered.
#include "dispatcher/dispatcher.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

namespace procpool::detail {
namespace {

/// A nudge that arrives just before the task blocks is lost, so it is repeated.
constexpr Duration nudge_again = std::chrono::milliseconds(20);
/// A task that allocates as fast as it can gets some tens of MiB further between two looks.
constexpr Duration memory_sample = std::chrono::milliseconds(5);
/// As a rule the backend tells at once of a worker that is dead. This is for when whoever should tell it is
/// stuck.
constexpr Duration life_sample = std::chrono::milliseconds(100);
/// What a result that has waited for the host may take to arrive, and its worker for the next piece of it.
constexpr Duration longest_delivery = std::chrono::seconds(10);
constexpr Duration longest_pause = std::chrono::seconds(5);
/// Who has not claimed its first message by then may have been stopped, or has spoiled the words that we ring
/// it by.
constexpr Duration longest_way_to_claim = std::chrono::milliseconds(20);
/// A program that has not come as far as its first message by then hangs, before main or in what it loads.
constexpr Duration longest_way_to_init = std::chrono::minutes(2);
/// From a worker's last answer to its end; told at PoolOptions::on_process_exit.
constexpr Duration longest_way_out = std::chrono::seconds(30);

}  // namespace

/// A job was published whose limit may pass then, at the earliest.
void Dispatcher::expect_deadline(TimePoint deadline) {
  if (deadline >= next_deadline_) return;
  next_deadline_ = deadline;
  loop_.serve_soon();
}

/// Does what is due; returns when to look again.
std::optional<TimePoint> Dispatcher::watch_limits() {
  const TimePoint now = settings_.now();
  next_deadline_ = look_again_at_;
  for (const auto& worker : workers_) {
    if (sampled_limit_) watch_memory(*worker);
    if (const auto deadline = watch_limits(*worker, now))
      next_deadline_ = std::min(next_deadline_, *deadline);
  }
  if (sampled_limit_ && busy()) next_deadline_ = std::min(next_deadline_, now + memory_sample);
  if (next_deadline_ == TimePoint::max()) return std::nullopt;
  return next_deadline_;
}

std::optional<TimePoint> Dispatcher::watch_limits(Worker& worker, TimePoint now) {
  if (worker.condemned != Condemnation::none) return watch_condemned(worker, now);
  if (worker.out.empty()) return watch_end(worker, now);
  if (!worker.out.front().submission) return watch_start(worker, now);
  if (ignores_its_work(worker, now)) worker.process->ring();
  watch_life(worker, now);
  if (worker.condemned != Condemnation::none) return watch_condemned(worker, now);
  if (worker.out.empty()) return watch_end(worker, now);
  InFlight& front = worker.out.front();
  const Limits limits = front.submission->limits();
  if (!limits.any()) return std::nullopt;
  const auto started = running_since(worker, now);
  if (!started) return after(now, nearer(limits));

  std::optional<TimePoint> next;
  if (limits.hard.count() != 0) {
    next = after(*started, limits.hard);
    if (now >= *next && waits_for_us(worker, now)) return now + nudge_again;
    if (now >= *next) return enforce_hard_limit(worker, limits) ? std::nullopt : std::optional(now);
  }
  if (limits.soft.count() != 0) {
    TimePoint soft = after(*started, limits.soft);
    if (now >= soft) {
      tell_soft_limit(worker);
      worker.channel.set_soft_due(front.submission->first_id() + front.watched);
      worker.process->nudge();
      soft = now + nudge_again;
    }
    next = next ? std::min(*next, soft) : soft;
  }
  return next;
}

/// It has finished, it says, and its result waits until we have made room for it: and we have just read much
/// of what it had published before.
bool Dispatcher::waits_for_us(Worker& worker, TimePoint now) {
  InFlight& front = worker.out.front();
  if (!worker.made_room_at || now - *worker.made_room_at >= longest_pause) return false;
  if (worker.channel.running(front.published, now)) return false;
  front.finished = std::min(front.finished, now);
  return now - front.finished < longest_delivery;
}

void Dispatcher::expect_start(Worker& worker) {
  worker.born_at = settings_.now();
  expect_deadline(after(worker.born_at, longest_way_to_init));
}

/// Up to its first message; how long an initializer takes is the user's affair.
std::optional<TimePoint> Dispatcher::watch_start(Worker& worker, TimePoint now) {
  if (worker.pid == 0 || worker.condemned != Condemnation::none || worker.channel.has_begun()) {
    return std::nullopt;
  }
  const TimePoint give_up = after(worker.born_at, longest_way_to_init);
  if (now < give_up) return give_up;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(longest_way_to_init).count();
  worker.startup_error = std::make_exception_ptr(TimeoutError(
      "a worker did not get as far as procpool::init() within " + std::to_string(minutes) + " minutes"));
  condemn(worker, Condemnation::late_start);
  return std::nullopt;
}

void Dispatcher::expect_end() {
  expect_deadline(after(settings_.now(), longest_way_out));
}

/// From when it has nothing left to do, or could not start. A worker that hangs then, in the exit task or in
/// what runs at the end of a program, would keep its place.
std::optional<TimePoint> Dispatcher::watch_end(Worker& worker, TimePoint now) {
  if (!worker.retiring && !worker.startup_failure) return std::nullopt;
  if (!worker.idle_since) worker.idle_since = now;
  const TimePoint give_up = after(*worker.idle_since, longest_way_out);
  if (now < give_up) return give_up;
  condemn(worker, worker.retiring ? Condemnation::late_end : Condemnation::late_start);
  return std::nullopt;
}

/// When the job that runs began; nothing if the oldest has not, or waits for our word: which we know of by
/// then. The worker's own account of it is believed once: a later one cannot buy time.
std::optional<TimePoint> Dispatcher::running_since(Worker& worker, TimePoint now) {
  InFlight& front = worker.out.front();
  if (!worker.channel.has_begun() || (front.asks && !front.announce)) return std::nullopt;
  const std::uint32_t unit = running_unit(worker, now);
  if (unit != front.watched) {
    front.watched = unit;
    front.started = TimePoint::max();
    front.soft_told = false;
  }
  const auto running = worker.channel.running(front.published, now);
  const bool told = running && running->id == front.submission->first_id() + unit;
  front.started = std::min(front.started, told ? running->started : now);
  return front.started;
}

/// Of the oldest message: the one that the worker says it runs, if it has claimed that, or the first.
std::uint32_t Dispatcher::running_unit(Worker& worker, TimePoint now) {
  const InFlight& front = worker.out.front();
  const auto running = worker.channel.running(front.published, now);
  const JobId ahead = running ? running->id - (front.submission->first_id() + front.unit) : 0;
  const bool believed = ahead < std::min(front.count, worker.channel.claimed());
  return front.unit + (believed ? static_cast<std::uint32_t>(ahead) : 0);
}

/// A worker whose end nobody tells of does not keep its jobs for ever. If it broke the rules, even those are
/// still with it that it has not begun with.
std::optional<TimePoint> Dispatcher::watch_condemned(Worker& worker, TimePoint now) {
  if (worker.out.units() == worker.greetings) return std::nullopt;
  const InFlight& oldest_job = worker.out.at(worker.greetings);
  const TimePoint give_up = after(worker.condemned_at, oldest_job.submission->lost_worker_timeout());
  if (now < give_up) return give_up;
  settle_lost(worker, ExitStatus{});
  return now;
}

void Dispatcher::watch_life(Worker& worker, TimePoint now) {
  const TimePoint since = std::max(worker.life_looked_at, worker.out.front().published);
  if (now - since < life_sample) return;
  worker.life_looked_at = now;
  if (worker.process->ended()) {
    condemn(worker, Condemnation::vanished);
  } else {
    check_claims(worker);
  }
}

bool Dispatcher::ignores_its_work(Worker& worker, TimePoint now) {
  return !worker.out.empty() && now - worker.out.front().published >= longest_way_to_claim &&
         !worker.channel.has_begun();
}

/// A worker that claims jobs ahead of those it answers would keep them from all others.
void Dispatcher::check_claims(Worker& worker) {
  const std::uint32_t claimed = worker.channel.claimed();
  if (claimed <= 1) return;
  const std::uint32_t before = worker.out.units();
  worker.channel.hold(true);
  drain_all(worker);
  worker.channel.hold(false);
  if (before - worker.out.units() + 1 >= claimed) return;
  worker.channel.blame("it claimed a job before it answered the last");
  condemn(worker, Condemnation::protocol_violation);
}

void Dispatcher::watch_memory(Worker& worker) {
  if (worker.out.empty() || !worker.out.front().submission || worker.condemned != Condemnation::none) return;
  const auto footprint = worker.process->footprint();
  if (!footprint || *footprint <= *sampled_limit_) return;
  const Submission& submission = *worker.out.front().submission;
  if (!hold_if_running(worker, submission, running_unit(worker, settings_.now()))) return;
  condemn(worker, Condemnation::memory_limit);
}

/// Of the unit that is watched; once.
void Dispatcher::tell_soft_limit(Worker& worker) {
  InFlight& flight = worker.out.front();
  if (flight.soft_told) return;
  flight.soft_told = true;
  flight.submission->limit_passed(flight.watched, true);
  if (!traced_) return;
  trace_worker(worker, TraceKind::soft_limit, flight.submission->first_id() + flight.watched, "");
}

/// False if the job has finished at the last moment: then the worker goes on.
bool Dispatcher::enforce_hard_limit(Worker& worker, const Limits& limits) {
  const Submission& submission = *worker.out.front().submission;
  if (!hold_if_running(worker, submission, worker.out.front().watched)) return false;
  worker.limit = limits.hard;
  InFlight& front = worker.out.front();
  // Both have passed if nobody could look in between.
  if (limits.soft.count() != 0) tell_soft_limit(worker);
  front.submission->limit_passed(front.watched, false);
  condemn(worker, Condemnation::hard_limit);
  return true;
}

}  // namespace procpool::detail
