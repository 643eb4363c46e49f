// SPDX-License-Identifier: MIT
#include "dispatcher/dispatcher.hpp"

#include "crash/last_words.hpp"
#include "dispatcher/loss.hpp"
#include "make_error.hpp"
#include "supervision/oom_kills.hpp"

#include <procpool/errors.hpp>
#include <procpool/exception.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <tuple>
#include <utility>

namespace procpool::detail {
namespace {

/// How long a thread that waits for room in the queue serves a loop before it looks again.
constexpr Duration longest_drive = std::chrono::milliseconds(20);
/// How long a thread that waits in a callback leaves other callbacks waiting.
constexpr Duration longest_wait_in_callback = std::chrono::milliseconds(10);
/// How often one turn serves what has come in meanwhile before it leaves the rest to the loop.
constexpr int longest_turn = 4;
/// With fewer jobs out, looking again when half of them are done is not worth the wake-up.
constexpr std::uint32_t worth_halving = 8;
/// The id of messages that are no jobs.
constexpr JobId no_job = ~JobId{0};

/// How long to wait in one go. In a callback somebody has to make those that come meanwhile: what one waits
/// for may need them.
std::optional<TimePoint> wait_until(bool in_callback, std::optional<TimePoint> deadline) {
  if (!in_callback) return deadline;
  const TimePoint next_look = Clock::now() + longest_wait_in_callback;
  return deadline ? std::min(*deadline, next_look) : next_look;
}

}  // namespace

Dispatcher::Dispatcher(const Settings& settings, Loop& loop, std::shared_ptr<TraceSink> trace)
    : settings_(settings),
      loop_(loop),
      traced_(trace != nullptr),
      oom_kills_seen_(oom_kills()),
      waiting_(settings.terms.longest_spin),
      trace_(std::move(trace)) {}

Dispatcher::~Dispatcher() = default;

// --- submitting and waiting

void Dispatcher::submit(Ref<Submission> submission, bool caller_waits) {
  enqueue(std::move(submission), std::nullopt);
  if (!caller_waits) serve_while_hungry();
}

bool Dispatcher::try_submit(const Ref<Submission>& submission, std::optional<TimePoint> deadline) {
  if (!enqueue(submission, deadline)) return false;
  serve_while_hungry();
  return true;
}

bool Dispatcher::enqueue(Ref<Submission> submission, std::optional<TimePoint> deadline) {
  {
    std::unique_lock lock(inbox_mutex_);
    if (settings_.max_queued != 0) {
      if (!wait_for_room(lock, deadline)) return false;
    }
    if (refusal_) std::rethrow_exception(refusal_);
    const std::uint32_t units = submission->units();
    submission->first_id_ = next_id_;
    inbox_.push_back({std::move(submission), 0, units});
    if (settings_.max_queued != 0) open_units_ += units;
    if (traced_) trace_->submitted(next_id_, settings_.now());
    next_id_ += units;
    submitted_.store(submitted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    inbox_filled_.store(true, std::memory_order_seq_cst);
  }
  if (!ticking_.load(std::memory_order_seq_cst) && !ticking_.exchange(true, std::memory_order_relaxed)) {
    loop_.serve_soon();
  }
  return true;
}

/// With the inbox's lock. True also if the submission will be refused.
bool Dispatcher::wait_for_room(std::unique_lock<std::mutex>& lock, std::optional<TimePoint> deadline) {
  const auto may_go_on = [this] { return refusal_ || open_units_ < settings_.max_queued; };
  while (!may_go_on()) {
    if (deadline && Clock::now() >= *deadline) return false;
    lock.unlock();
    const bool driven = !loop_.has_thread();
    if (driven) loop_.drive(longest_drive);
    const bool in_callback = make_callbacks();
    lock.lock();
    if (driven) continue;
    if (const auto until = wait_until(in_callback, deadline)) {
      fewer_open_.wait_until(lock, *until, may_go_on);
    } else {
      fewer_open_.wait(lock, may_go_on);
    }
  }
  return true;
}

bool Dispatcher::wait(Waitable& waitable, std::optional<TimePoint> deadline) {
  for (;;) {
    if (waitable.ready()) return true;
    const bool in_callback = make_callbacks();
    std::unique_lock lock = waiting_.enter(mutex_);
    const bool ready = waiting_.wait(*this, lock, waitable, wait_until(in_callback, deadline));
    finish_turn(lock);
    if (ready || !in_callback || (deadline && Clock::now() >= *deadline)) return ready;
  }
}

std::optional<TimePoint> Dispatcher::serve() {
  std::unique_lock lock = waiting_.enter(mutex_);
  // Before the pass, which may find a reason to look once more.
  if (settings_.now() >= look_again_at_) look_again_at_ = TimePoint::max();
  looks_closely_ = true;
  pass();
  looks_closely_ = false;
  const std::optional<TimePoint> deadline = watch_limits();
  finish_turn(lock);
  return deadline;
}

/// Whoever cannot have the lock leaves; whoever gives it back looks again. Without memory the loop goes on:
/// who is here has done what it came for.
void Dispatcher::serve_while_hungry() noexcept {
  while (inbox_waits()) {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    try {
      pass();
      end_turn();
    } catch (const std::bad_alloc&) {
      loop_.serve_soon();
      return;
    }
  }
}

bool Dispatcher::inbox_waits() const noexcept {
  return inbox_filled_.load(std::memory_order_seq_cst) && hungry_.load(std::memory_order_seq_cst);
}

/// Whoever is to be told of what comes next will be.
void Dispatcher::end_turn() {
  for (int round = 0;; ++round) {
    aim();
    arm();
    if (!changed()) break;
    if (round == longest_turn) {
      loop_.serve_soon();
      break;
    }
    pass();
  }
}

void Dispatcher::finish_turn(std::unique_lock<std::mutex>& lock) {
  end_turn();
  lock.unlock();
  serve_while_hungry();
}

void Dispatcher::pass() {
  catch_up();
  refill();
  if (rebalance()) refill();
  note_hunger();
}

/// Takes note of what submitters and workers have done.
void Dispatcher::catch_up() {
  take_in();
  for (const auto& worker : workers_) drain(*worker);
}

void Dispatcher::take_in() {
  if (!inbox_filled_.load(std::memory_order_seq_cst)) return;
  if (next_taken_in_ == taken_in_.size()) {
    taken_in_.clear();
    next_taken_in_ = 0;
    const std::lock_guard guard(inbox_mutex_);  // for which every submitter waits
    taken_in_.swap(inbox_);
    inbox_filled_.store(false, std::memory_order_seq_cst);
  }
  try {
    for (; next_taken_in_ != taken_in_.size(); ++next_taken_in_) {
      Queued& queued = taken_in_[next_taken_in_];
      const std::uint32_t units = queued.end - queued.first;
      queue_.push_back(std::move(queued));
      queued_units_ += units;
    }
  } catch (const std::bad_alloc&) {
    inbox_filled_.store(true, std::memory_order_seq_cst);  // the rest comes with the next
  }
}

/// Says whether submitters should bring what they have to the workers themselves.
void Dispatcher::note_hunger() noexcept {
  bool hungry = false;
  // For what there was no memory to take in, the loop's ticks will do.
  if (queue_.empty() && next_taken_in_ == taken_in_.size()) {
    const std::uint32_t enough = depth_.jobs() / 2;
    hungry = std::any_of(workers_.begin(), workers_.end(), [enough](const auto& worker) {
      return worker->takes_jobs() && worker->jobs_out() <= enough;
    });
  }
  if (hungry_.load(std::memory_order_relaxed) != hungry) hungry_.store(hungry, std::memory_order_seq_cst);
}

// --- waking

/// Decides for each worker after how many results to look again: those of the time in which we want to notice
/// one, less while more jobs wait, and never more than it takes to settle what somebody waits for.
void Dispatcher::aim() {
  for (const auto& worker : workers_) {
    const std::uint32_t units = worker->out.units();
    if (units == 0) continue;
    std::uint32_t wanted = std::min(units, depth_.jobs_per_look());
    if (!queue_.empty() || units >= worth_halving) wanted = std::min(wanted, std::max(1U, units / 2));
    std::uint32_t results = 0;
    for (std::uint32_t covered = 0; covered < wanted;) {
      const InFlight& flight = worker->out.at(results++);
      covered += flight.count;
      const Submission* submission = flight.submission.get();
      if (submission == nullptr || (submission->units() == 1 && submission->awaited())) break;
    }
    worker->channel.aim(results);
  }
}

void Dispatcher::arm() {
  bool work_waits = !queue_.empty();
  for (const auto& worker : workers_) work_waits = work_waits || worker->out.units() > 1;
  const bool by_bell = waiting_.anybody_leads() && loop_.has_thread();
  const WakeWord::Who who = by_bell ? WakeWord::Who::leader : WakeWord::Who::loop;
  for (const auto& worker : workers_) {
    if (!worker->out.empty() && worker->heard()) worker->channel.arm(who, work_waits);
  }
}

/// Nobody has to be rung: who serves is looking.
void Dispatcher::disarm() noexcept {
  for (const auto& worker : workers_) worker->channel.disarm();
}

bool Dispatcher::changed() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return !worker->out.empty() && worker->heard() && worker->channel.changed();
  });
}

// --- the pool's life

void Dispatcher::close() {
  {
    const std::lock_guard guard(inbox_mutex_);
    if (!refusal_) refusal_ = std::make_exception_ptr(PoolClosedError("procpool: the pool is closed"));
    fewer_open_.notify_all();
  }
  std::unique_lock lock = waiting_.enter(mutex_);
  closing_ = true;
  take_in();
  tell_if_drained();
  finish_turn(lock);
}

void Dispatcher::terminate(const std::exception_ptr& error, const std::exception_ptr& refusal) {
  {
    const std::lock_guard guard(inbox_mutex_);
    if (!refusal_) refusal_ = refusal;
    fewer_open_.notify_all();
  }
  std::unique_lock lock = waiting_.enter(mutex_);
  closing_ = true;
  if (!terminated_) terminated_ = error;
  catch_up();
  for (const auto& worker : workers_) condemn(*worker, Condemnation::pool_terminated);
  fail_waiting(terminated_);
  // For want of memory some may be in the inbox still; none comes any more.
  take_in();
  fail_waiting(terminated_);
  tell_if_drained();
  finish_turn(lock);
}

bool Dispatcher::closed() const {
  const std::lock_guard guard(inbox_mutex_);
  return refusal_ != nullptr;
}

void Dispatcher::check_open() const {
  const std::lock_guard guard(inbox_mutex_);
  if (refusal_) std::rethrow_exception(refusal_);
}

void Dispatcher::fail_waiting(const std::exception_ptr& error) {
  const auto fail_all_of = [&](Queued& queued) {
    if (traced_) {
      trace_stopped(*queued.submission, queued.first, queued.end - queued.first, "failed with the pool");
    }
    for (std::uint32_t unit = queued.first; unit < queued.end; ++unit) {
      fail_unit(*queued.submission, unit, error, 0);
    }
    let_go(std::move(queued.submission));
  };
  queued_units_ = 0;
  for (; !queue_.empty(); queue_.pop_front()) fail_all_of(queue_.front());
  // And what there was no memory to put into the queue.
  while (next_taken_in_ != taken_in_.size()) fail_all_of(taken_in_[next_taken_in_++]);
}

// --- workers

void Dispatcher::set_bell(HostBell* bell) {
  std::unique_lock lock = waiting_.enter(mutex_);
  waiting_.set_bell(lock, bell);
}

void Dispatcher::set_memory_limit(MemorySize limit, bool by_kernel) {
  const std::unique_lock guard = waiting_.enter(mutex_);
  settings_.terms.memory_limited = true;
  settings_.terms.memory_capped = by_kernel;
  if (!by_kernel) sampled_limit_ = limit;
}

void Dispatcher::add_worker(WorkerId id, std::unique_ptr<WorkerProcess>&& process,
                            std::span<const Message> greetings) {
  std::unique_lock lock = waiting_.enter(mutex_);
  workers_.reserve(workers_.size() + 1);
  auto worker = std::make_unique<Worker>(id, *process, settings_.terms);
  if (announce_images(*worker)) {
    for (Message greeting : greetings) {
      greeting.id = no_job;
      worker->unsent.push_back(greeting);
      InFlight flight;
      flight.published = settings_.now();
      worker->out.push_back(std::move(flight));
      ++worker->greetings;
    }
    worker->greet();
  }
  worker->process = std::move(process);
  workers_.push_back(std::move(worker));
  if (terminated_) condemn(*workers_.back(), Condemnation::pool_terminated);
  pass();
  finish_turn(lock);
}

void Dispatcher::worker_started(WorkerId id, Pid pid) {
  std::unique_lock lock = waiting_.enter(mutex_);
  if (Worker* worker = find(id)) {
    worker->pid = pid;
    expect_start(*worker);
    if (traced_) trace_worker(*worker, TraceKind::worker_up, 0, "");
  }
  pass();
  finish_turn(lock);
}

std::optional<WorkerId> Dispatcher::retire_least_busy() {
  std::unique_lock lock = waiting_.enter(mutex_);
  Worker* least = nullptr;
  for (const auto& worker : workers_) {
    if (!worker->stays()) continue;
    if (least == nullptr || worker->jobs_out() < least->jobs_out()) least = worker.get();
  }
  std::optional<WorkerId> id;
  if (least != nullptr) {
    id = least->id;
    retire(*least, "shrink");
    pass();
  }
  finish_turn(lock);
  return id;
}

std::vector<WorkerId> Dispatcher::retire_all() {
  std::unique_lock lock = waiting_.enter(mutex_);
  std::vector<WorkerId> ids;
  ids.reserve(workers_.size());
  for (const auto& worker : workers_) {
    if (worker->stays()) ids.push_back(worker->id);
    retire(*worker, closing_ ? "close" : "restart");
  }
  finish_turn(lock);
  return ids;
}

/// The worker finishes what it has begun, and ends.
void Dispatcher::retire(Worker& worker, const char* why) {
  if (worker.retiring) return;
  worker.retiring = true;
  if (traced_ && worker.condemned == Condemnation::none) {
    trace_worker(worker, TraceKind::worker_retire, 0, why);
  }
  put_back(worker, worker.channel.take_back(worker.jobs_out()));
  worker.channel.stop();
  expect_end();
}

void Dispatcher::condemn(Worker& worker, Condemnation why) {
  if (worker.condemned != Condemnation::none) return;
  if (worker.channel.violation() == nullptr) {
    put_back(worker, worker.channel.take_back(worker.out.units()));
    worker.channel.hold(true);
    // What it has answered counts, unless that shows what kind of worker it is: then it is condemned for
    // that.
    drain_all(worker);
    if (worker.condemned != Condemnation::none) return;
  }
  worker.condemned = why;
  worker.condemned_at = settings_.now();
  if (traced_) {
    const bool any = !worker.out.empty() && worker.out.front().submission;
    const JobId job = any ? worker.out.front().submission->first_id() + worker.out.front().unit : 0;
    trace_worker(worker, TraceKind::worker_kill, job, to_string(why));
  }
  loop_.kill(worker.id);
}

void Dispatcher::kill_condemned() {
  const std::unique_lock guard = waiting_.enter(mutex_);
  for (const auto& worker : workers_) {
    if (worker->condemned != Condemnation::none && !std::exchange(worker->killed, true))
      worker->process->kill();
  }
}

Dispatcher::Death Dispatcher::worker_exited(WorkerId id, ExitStatus status) {
  std::unique_lock lock = waiting_.enter(mutex_);
  const auto place =
      std::find_if(workers_.begin(), workers_.end(), [id](const auto& worker) { return worker->id == id; });
  if (place == workers_.end()) {
    Death of_nobody;  // there was no memory to take it on
    of_nobody.expected = true;
    return of_nobody;
  }
  const std::unique_ptr<Worker> worker = std::move(*place);
  workers_.erase(place);

  drain_all(*worker);
  settle_lost(*worker, status);
  Death death{worker->pid, worker->up, worker->jobs_done != 0 || worker->verdict, worker->end_expected(),
              worker->startup_error};
  if (traced_) trace_end(*worker, status, worker->verdict);
  // Given up before the lock: then it is the waiting thread that frees it.
  worker->verdict = nullptr;
  pass();
  finish_turn(lock);
  // Types of the user's, which may use the pool.
  if (worker->startup_failure && !death.startup_error) {
    death.startup_error = make_error([&] {
      return decode_exception(worker->startup_failure->view(), RemoteInfo{worker->pid, 0});
    });
  }
  return death;
}

/// What the worker had begun with gets the verdict, and the rest waits again. It is not heard any more.
void Dispatcher::settle_lost(Worker& worker, ExitStatus status) {
  if (worker.given_up) return;
  worker.given_up = true;
  for (std::uint32_t started = worker.channel.started_at_death(); started != 0; --started) {
    InFlight flight = worker.out.pop_front();
    if (!flight.submission) {
      --worker.greetings;
      continue;
    }
    ++jobs_lost_;
    if (flight.announce) std::ignore = tell_start(flight, worker.pid, flight.published);
    if (!worker.verdict) worker.verdict = make_error([&] { return verdict(worker, status); });
    if (traced_) trace_loss(worker, flight, worker.verdict);
    fail_unit(*flight.submission, flight.unit, worker.verdict, worker.pid);
    let_go(std::move(flight.submission));
  }
  put_back(worker, worker.out.units());
  if (terminated_) fail_waiting(terminated_);
}

std::exception_ptr Dispatcher::verdict(const Worker& worker, ExitStatus status) {
  if (worker.condemned == Condemnation::pool_terminated) return terminated_;
  if (worker.condemned == Condemnation::memory_limit) return memory_limit_broken(worker.pid, *sampled_limit_);
  if (worker.condemned == Condemnation::job_terminated) return terminated(worker.signum);
  if (worker.condemned == Condemnation::hard_limit) return hard_limit_broken(worker.pid, worker.limit);
  const bool killed = status.signaled() && worker.channel.violation() == nullptr;
  auto last_words = std::make_shared<LastWords>();
  last_words->crash = worker.channel.crash(status);
  last_words->stderr_tail = worker.process->stderr_tail();
  return loss(worker.pid, status, worker.channel.violation(), killed && kernel_has_killed(),
              std::move(last_words));
}

/// True if the kernel has killed for want of memory since this was asked last.
bool Dispatcher::kernel_has_killed() {
  const std::uint64_t kills = oom_kills();
  return kills > std::exchange(oom_kills_seen_, kills);
}

Worker* Dispatcher::find(WorkerId id) noexcept {
  for (const auto& worker : workers_) {
    if (worker->id == id) return worker.get();
  }
  return nullptr;
}

}  // namespace procpool::detail
