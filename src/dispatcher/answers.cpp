// SPDX-License-Identifier: MIT
// The part of the Dispatcher that takes what workers answer, and settles jobs.
#include "dispatcher/dispatcher.hpp"
#include "dispatcher/loss.hpp"
#include "make_error.hpp"

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

namespace procpool::detail {
namespace {

/// The host's, where it could not keep an answer.
std::exception_ptr out_of_memory() noexcept {
  return make_error([] { return std::make_exception_ptr(std::bad_alloc()); });
}

}  // namespace

void Dispatcher::drain(Worker& worker) {
  if (!worker.heard()) return;
  HostChannel& channel = worker.channel;
  channel.note_signals();
  if (channel.streaming()) channel.pump();
  bool any = false;
  const std::uint64_t read_before = channel.result_bytes_read();
  // A worker that publishes faster than we read does not keep us here.
  for (std::uint32_t i = 0; i < ring_slots && channel.receive(answer_); ++i) {
    any = true;
    take_answer(worker, std::move(answer_));
  }
  if (any) {
    channel.release();
    worker.greet();
  }
  if (channel.result_bytes_read() - read_before >= byte_ring_size / 2) worker.made_room_at = settings_.now();
  if (!worker.out.empty() && worker.out.front().announce) note_start(worker);
  if (channel.violation() != nullptr) condemn(worker, Condemnation::protocol_violation);
}

void Dispatcher::take_answer(Worker& worker, Answer&& answer) {
  if (answer.kind == ResultKind::progress) {
    if (answer.out_of_memory) return;
    const InFlight& front = worker.out.front();
    if (front.submission) {
      const auto unit = static_cast<std::uint32_t>(answer.id - front.submission->first_id());
      if (front.submission->progressed(unit, answer.bytes.view())) return;
    }
    worker.channel.blame("its progress report makes no sense");
    return;
  }
  if (answer.count == 0) return;
  InFlight flight = worker.out.pop_front(answer.count);
  settle(worker, flight, std::move(answer));
  let_go(std::move(flight.submission));
  if (worker.retiring && worker.out.empty()) expect_end();
}

void Dispatcher::settle(Worker& worker, const InFlight& flight, Answer&& answer) {
  if (!flight.submission) {
    if (answer.kind == ResultKind::exception) {
      if (answer.out_of_memory) worker.startup_error = out_of_memory();
      worker.startup_failure = std::move(answer.bytes);
    }
    --worker.greetings;
    worker.up = worker.greetings == 0 && !worker.startup_failure;
    if (worker.startup_failure) {
      put_back(worker, worker.channel.take_back(worker.jobs_out()));
      expect_end();
    }
    if (worker.up) startups_.fetch_add(1, std::memory_order_relaxed);
    if (traced_ && worker.greetings == 0) trace_start(worker, flight.published, answer);
    return;
  }
  Submission& submission = *flight.submission;
  if (traced_) trace_answer(worker, flight, answer);
  if (answer.elapsed.count() != 0) depth_.add(answer.elapsed / answer.count);
  worker.jobs_done += answer.count;
  worker.busy += std::min(answer.elapsed, Duration::max() - worker.busy);
  jobs_done_ += answer.count;
  if (answer.last) retire(worker, "that was its last job");
  if (flight.announce) {
    std::ignore =
        tell_start(flight, worker.pid, std::max(flight.published, settings_.now() - answer.elapsed));
  }
  if (submission.settled(flight.unit)) return;  // discarded meanwhile, as a whole
  std::exception_ptr error = answer.out_of_memory ? out_of_memory() : nullptr;
  try {
    if (!error && submission.accept(flight.unit, std::move(answer), worker.pid)) {
      units_settled(submission, flight.count);
      return;
    }
  } catch (const std::bad_alloc&) {
    error = out_of_memory();
  }
  if (!error) {
    worker.channel.blame("its result makes no sense");
    error = make_error(
        [&] { return loss(worker.pid, ExitStatus{}, worker.channel.violation(), false, nullptr); });
  }
  for (std::uint32_t i = 0; i < flight.count; ++i) fail_unit(submission, flight.unit + i, error, worker.pid);
}

/// With the last reference end functions of the user's, and whatever those hold: not under our lock.
void Dispatcher::let_go(Ref<Submission>&& submission) {
  if (!submission) return;
  Submission& last_seen = *submission;
  last_seen.let_go(std::move(submission));
}

/// Takes also what the worker has answered and not published: of one that has to claim nothing more.
void Dispatcher::drain_all(Worker& worker) {
  if (!worker.heard()) return;
  // Held, it finishes one job at most and publishes what it has, which may come between two looks.
  constexpr int enough = 4;
  for (int look = 0; look < enough; ++look) {
    drain(worker);
    if (worker.channel.salvage(answer_)) take_answer(worker, std::move(answer_));
    if (!worker.channel.has_results()) break;
  }
}

/// Tells of the start of the job that runs now, once.
void Dispatcher::note_start(Worker& worker) {
  InFlight& front = worker.out.front();
  if (!worker.channel.has_begun()) return;
  const auto running = worker.channel.running(front.published, settings_.now());
  if (!running || running->id != front.submission->first_id() + front.unit) return;
  front.announce = !tell_start(front, worker.pid, running->started);
}

/// False if it has to be told again, for want of memory.
bool Dispatcher::tell_start(const InFlight& flight, Pid pid, TimePoint when) {
  try {
    flight.submission->started(flight.unit, pid, when);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void Dispatcher::fail_unit(Submission& submission, std::uint32_t unit, const std::exception_ptr& error,
                           Pid pid) {
  if (submission.settled(unit)) return;
  submission.fail(unit, error, pid);
  units_settled(submission, 1);
}

/// To be called when the outcome of so many units is there.
void Dispatcher::units_settled(Submission& submission, std::uint32_t count) {
  if (settings_.max_queued != 0) {
    const std::lock_guard guard(inbox_mutex_);
    const bool full = open_units_ >= settings_.max_queued;
    open_units_ -= count;
    if (full && open_units_ < settings_.max_queued) fewer_open_.notify_all();
  }
  if (!submission.ready()) return;
  waiting_.settled(loop_, submission);
  if (Waitable* listener = submission.listener()) waiting_.settled(loop_, *listener);
  settled_.store(settled_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  tell_if_drained();
}

void Dispatcher::tell_if_drained() {
  if (!closing_ || drained_told_ || busy()) return;
  drained_told_ = true;
  loop_.drained();
}

}  // namespace procpool::detail
