// SPDX-License-Identifier: MIT
// The part of the Dispatcher that tells of jobs and workers for a timeline. Nothing of it runs without a
// trace.
#include "dispatcher/dispatcher.hpp"

#include <algorithm>
#include <utility>

namespace procpool::detail {
namespace {

TraceEvent about(const Worker& worker, TraceKind kind, TimePoint begin) {
  TraceEvent event;
  event.kind = kind;
  event.worker = worker.id;
  event.pid = worker.pid;
  event.begin = begin;
  return event;
}

/// None without memory.
std::string words_of(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      return failure.what();
    }
  } catch (...) {
    return {};
  }
}

TraceTask task_of(TraceSink& trace, const Submission& submission, std::uint32_t unit) {
  Message message;
  submission.describe(unit, 1, message);
  return trace.task(message.task, message.prefix);
}

const char* outcome(ResultKind kind) noexcept {
  if (kind == ResultKind::exception) return "exception";
  return kind == ResultKind::refused ? "refused" : "done";
}

/// What a worker says of its time is not trusted: it began when it was asked, at the earliest, and has ended.
void set_times(TraceEvent& event, TimePoint published, TimePoint now, const Answer& answer) noexcept {
  const TimePoint earliest = std::min(published, now);
  if (answer.elapsed.count() == 0) {
    event.begin = earliest;
    event.end = now;
    return;
  }
  event.begin = std::clamp(answer.started, earliest, now);
  event.end = event.begin + std::min(answer.elapsed, now - event.begin);
}

}  // namespace

/// The worker has answered its last greeting.
void Dispatcher::trace_start(const Worker& worker, TimePoint asked_for, const Answer& answer) {
  TraceEvent event = about(worker, TraceKind::worker_start, asked_for);
  set_times(event, asked_for, settings_.now(), answer);
  event.begin = asked_for;
  event.what = worker.startup_failure ? "its initializer has thrown" : "ready";
  trace_->add(std::move(event));
}

void Dispatcher::trace_answer(const Worker& worker, const InFlight& flight, const Answer& answer) {
  TraceEvent event = about(worker, TraceKind::job, {});
  set_times(event, flight.published, settings_.now(), answer);
  event.task = task_of(*trace_, *flight.submission, flight.unit);
  event.job = flight.submission->first_id() + flight.unit;
  event.count = flight.count;
  event.what = flight.submission->settled(flight.unit) ? "discarded" : outcome(answer.kind);
  trace_->add(std::move(event));
}

/// Of the job that a worker takes along, which is told once.
void Dispatcher::trace_loss(const Worker& worker, const InFlight& flight, const std::exception_ptr& error) {
  if (flight.submission->settled(flight.unit)) return;
  const TimePoint now = settings_.now();
  TraceEvent event = about(worker, TraceKind::job, std::min(flight.published, now));
  event.end = now;
  event.job = flight.submission->first_id() + flight.unit;
  const auto running = worker.channel.running(flight.published, now);
  if (running && running->id == event.job) event.begin = running->started;
  event.task = task_of(*trace_, *flight.submission, flight.unit);
  event.what = worker.end_expected() ? "killed" : "lost";
  event.text = words_of(error);
  trace_->add(std::move(event));
}

/// Of units that no worker had begun with.
void Dispatcher::trace_stopped(const Submission& submission, std::uint32_t first, std::uint32_t count,
                               const char* why) {
  if (count == 0) return;
  TraceEvent event;
  event.kind = TraceKind::job_stopped;
  event.job = submission.first_id() + first;
  event.count = count;
  event.begin = settings_.now();
  event.what = why;
  trace_->add(std::move(event));
}

void Dispatcher::trace_worker(const Worker& worker, TraceKind kind, JobId job, const char* why) {
  TraceEvent event = about(worker, kind, settings_.now());
  event.job = job;
  event.what = why;
  trace_->add(std::move(event));
}

void Dispatcher::trace_end(const Worker& worker, ExitStatus status, const std::exception_ptr& verdict) {
  if (worker.pid == 0) return;  // there was no process
  TraceEvent event = about(worker, TraceKind::worker_end, settings_.now());
  event.expected = worker.end_expected();
  event.status = status;
  event.text = words_of(verdict);
  trace_->add(std::move(event));
}

}  // namespace procpool::detail
