// SPDX-License-Identifier: MIT
#include "jobs/job.hpp"

#include "dispatcher/loss.hpp"

#include <procpool/errors.hpp>
#include <procpool/exception.hpp>

#include <csignal>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace procpool::detail {
namespace {

/// What progress reports may occupy, in bytes, while they wait for their callback.
constexpr std::uint32_t most_reports_waiting = 4U << 20U;
constexpr std::uint32_t cost_of_report = 64;  // beside its note

}  // namespace

void Job::set_options(std::unique_ptr<JobOptions> options) {
  if (!options) return;
  const auto refuse = [](const char* why) { throw std::invalid_argument(std::string("procpool: ") + why); };
  std::optional<Duration>& soft = options->soft_timeout;
  std::optional<Duration>& hard = options->timeout;
  if (soft && soft->count() <= 0) refuse("soft_timeout has to be above 0");
  if (hard && hard->count() <= 0) refuse("timeout has to be above 0");
  if (options->lost_worker_timeout && options->lost_worker_timeout->count() <= 0) {
    refuse("lost_worker_timeout has to be above 0");
  }
  if (!context_->enable_timeouts && (soft || hard)) {
    refuse("timeout and soft_timeout need PoolOptions::enable_timeouts");
  }
  Limits limits{soft.value_or(context_->limits.soft), hard.value_or(context_->limits.hard)};
  if (limits.soft.count() != 0 && limits.hard.count() != 0 && limits.soft > limits.hard) {
    // The pool's own soft limit simply never comes into play.
    if (soft) refuse("soft_timeout is above timeout");
    limits.soft = Duration::zero();
  }
  soft = limits.soft;
  hard = limits.hard;
  options_ = std::move(options);
  if (has_functions()) context_->callbacks->start();
}

bool Job::has_functions() const noexcept {
  return options_ && (options_->on_success || options_->on_error || options_->on_accept ||
                      options_->on_timeout || options_->on_progress || options_->expects);
}

/// The thread of the callbacks ends what the functions hold. It may do so at once: no reference stays here.
void Job::let_go(Ref<Submission>&& self) noexcept {
  if (has_functions()) {
    try {
      context_->callbacks->push([job = std::move(self)] {});
    } catch (const std::bad_alloc&) {
      // It has ended here.
    }
  } else {
    Submission::let_go(std::move(self));
  }
}

Limits Job::limits() const noexcept {
  if (!options_) return context_->limits;
  return {options_->soft_timeout.value_or(Duration::zero()), options_->timeout.value_or(Duration::zero())};
}

Duration Job::lost_worker_timeout() const noexcept {
  if (options_ && options_->lost_worker_timeout) return *options_->lost_worker_timeout;
  return context_->lost_worker_timeout;
}

bool Job::tells_of_limits() const noexcept {
  return limits().any() && (context_->on_timeout_set || context_->on_timeout_cancel);
}

void Job::describe_job(Message& message) const noexcept {
  message.announce = context_->synack || tells_of_limits() || (options_ && options_->on_accept);
  message.ask = context_->synack;
}

JobInfo Job::info(std::uint32_t unit, Pid pid) const {
  return {first_id() + unit, pid, correlation_id()};
}

/// A call for which there is no memory is not made.
template <class F>
void Job::call_back(F call) const noexcept {
  try {
    push_call(std::move(call));
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
}

/// What the user's function throws is reported, and logged if nobody said that it may. Throws std::bad_alloc.
void Job::push_call(std::function<void()> call) const {
  context_->callbacks->push([job = Ref<const Job>::share(this), call = std::move(call)] {
    try {
      call();
    } catch (...) {
      const std::exception_ptr error = std::current_exception();
      const bool expected = job->options_ && job->options_->expects && job->options_->expects(error);
      if (!expected && job->context_->on_log) {
        const std::string words =
            "procpool: a callback of job " + std::to_string(job->first_id()) + " has thrown";
        // A call of its own, so that what it throws takes no other error's place.
        job->context_->callbacks->push([job, words] { job->context_->on_log(words); });
      }
      throw;
    }
  });
}

void Job::limit_passed(std::uint32_t, bool soft) noexcept {
  if (!options_ || !options_->on_timeout) return;
  call_back([this, soft] { options_->on_timeout(soft, soft ? limits().soft : limits().hard); });
}

void Job::when_ready(std::function<void()> action) {
  context_->callbacks->start();
  if (!ready() &&
      context_->dispatcher->unless_ready(*this, [&] { actions_.push_front(std::move(action)); })) {
    return;
  }
  context_->callbacks->push(std::move(action));
}

bool Job::cancel() {
  if (ready()) return false;
  return context_->dispatcher->cancel(
      *this, std::make_exception_ptr(Terminated("procpool: the job was cancelled before it began", SIGTERM)));
}

void Job::terminate(int signum) {
  if (!ready()) context_->dispatcher->terminate(*this, signum, terminated(signum));
}

void Job::discard() {
  if (ready()) return;
  context_->dispatcher->discard(
      *this, std::make_exception_ptr(Terminated("procpool: the job was discarded", SIGTERM)));
}

bool Job::accepted() const {
  return !worker_pids().empty();
}

std::vector<Pid> Job::worker_pids() const {
  if (!ready()) {
    // It may settle before the answer is there.
    std::vector<Pid> running = context_->dispatcher->running_on(*this);
    if (!running.empty() || !ready()) return running;
  }
  return settled_pids();
}

const std::string& Job::correlation_id() const noexcept {
  static const std::string none;
  return options_ ? options_->correlation_id : none;
}

bool Job::progressed(std::uint32_t, std::span<const std::byte> bytes) {
  double fraction = 0;
  if (bytes.size() < sizeof fraction || bytes.size() > sizeof fraction + longest_note) return false;
  if (!options_ || !options_->on_progress) return true;
  std::memcpy(&fraction, bytes.data(), sizeof fraction);
  bytes = bytes.subspan(sizeof fraction);
  const std::uint32_t cost = static_cast<std::uint32_t>(bytes.size()) + cost_of_report;
  if (reports_waiting_.load(std::memory_order_relaxed) + cost > most_reports_waiting) return true;
  reports_waiting_.fetch_add(cost, std::memory_order_relaxed);
  try {
    std::string note(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    push_call([this, fraction, cost, note = std::move(note)] {
      reports_waiting_.fetch_sub(cost, std::memory_order_relaxed);
      options_->on_progress(fraction, note);
    });
  } catch (const std::bad_alloc&) {
    reports_waiting_.fetch_sub(cost, std::memory_order_relaxed);
  }
  return true;
}

void Job::started(std::uint32_t unit, Pid pid, TimePoint when) {
  if (tells_of_limits() && context_->on_timeout_set) {
    const auto given = [](Duration limit) {
      return limit.count() != 0 ? std::optional(limit) : std::nullopt;
    };
    call_back([this, unit, pid, given] {
      context_->on_timeout_set(info(unit, pid), given(limits().soft), given(limits().hard));
    });
  }
  if (context_->synack) {
    ask_for_word(unit, pid, when);
  } else if (options_ && options_->on_accept) {
    call_back([this, pid, when] { options_->on_accept(pid, when); });
  }
}

/// An accept callback that throws refuses the job.
void Job::ask_for_word(std::uint32_t unit, Pid pid, TimePoint when) {
  push_call([this, unit, pid, when] {
    std::exception_ptr refusal;
    try {
      if (options_ && options_->on_accept) options_->on_accept(pid, when);
    } catch (...) {
      refusal = std::current_exception();
    }
    context_->dispatcher->acknowledge(*this, unit, refusal == nullptr);
    if (context_->send_ack) context_->send_ack(info(unit, pid), refusal == nullptr);
    if (refusal) std::rethrow_exception(refusal);
  });
}

std::exception_ptr Job::refused() {
  return std::make_exception_ptr(Terminated("procpool: the accept callback refused the job", SIGTERM));
}

void Job::units_ended(std::uint32_t first, std::uint32_t count, Pid pid) noexcept {
  if (pid == 0 || !tells_of_limits() || !context_->on_timeout_cancel) return;
  for (std::uint32_t unit = first; unit != first + count; ++unit) {
    call_back([this, unit, pid] { context_->on_timeout_cancel(info(unit, pid)); });
  }
}

void Job::finish() noexcept {
  set_ready();
  if (holds_slot_) context_->semaphore->release();
  if (arrivals_) {
    retain();
    arrivals_->push(JobHandle(this));
  }
  actions_.reverse();
  context_->callbacks->push_all(std::move(actions_));
  if (context_->on_job_ready) {
    call_back([this] {
      const std::vector<Pid> pids = settled_pids();
      context_->on_job_ready(info(0, pids.empty() ? 0 : pids.back()));
    });
  }
  if (!options_ || (!options_->on_success && !options_->on_error)) return;
  call_back([this] {
    retain();
    const JobHandle handle(this);
    const std::exception_ptr error = handle.error();
    if (!error && options_->on_success) options_->on_success(handle);
    if (error && options_->on_error) options_->on_error(error);
  });
}

Ref<Job> Call::make(std::shared_ptr<const JobContext> context, TaskCode code, ByteBuffer&& bytes,
                    const Loan& loan) {
  if (loan.any()) {
    bytes.set_limit(ByteBuffer::no_limit);  // this stays here
    static_assert(std::is_trivially_copyable_v<Loan>);
    bytes.append(&loan, sizeof loan);
  }
  const std::size_t room = Payload::room_for(bytes);
  void* const memory = ::operator new(sizeof(Call) + room);
  return Ref<Job>::adopt(::new (memory) Call(std::move(context), code, std::move(bytes), loan.any()));
}

Call::Call(std::shared_ptr<const JobContext> context, TaskCode code, ByteBuffer&& bytes, bool lent) noexcept
    : Job(std::move(context), 1),
      lent_(lent),
      prefix_length_(static_cast<std::uint32_t>(code.prefix_length)),
      task_(code.task),
      payload_(std::move(bytes)) {}

void Call::describe(std::uint32_t, std::uint32_t, Message& message) const {
  describe_job(message);
  message.task = task_;
  std::span<const std::byte> bytes = payload_.view();
  message.prefix = bytes.first(prefix_length_);
  if (!lent_) {
    message.arguments = bytes.subspan(prefix_length_);
    return;
  }
  Loan loan;
  std::memcpy(&loan, bytes.last(sizeof loan).data(), sizeof loan);
  bytes = bytes.first(bytes.size() - sizeof loan);
  message.arguments = bytes.subspan(prefix_length_, loan.argument.at - prefix_length_);
  message.lent = loan.argument.bytes;
  message.behind_lent = bytes.subspan(loan.argument.at);
  message.place = loan.place;
}

bool Call::accept(std::uint32_t, Answer&& answer, Pid pid) {
  if (answer.kind == ResultKind::items || answer.kind == ResultKind::pack ||
      answer.kind == ResultKind::values) {
    return false;
  }
  if (answer.kind == ResultKind::refused) {
    fail(0, refused(), 0);
    return true;
  }
  payload_.replace(std::move(answer.bytes));
  lent_ = false;
  pid_ = pid;
  threw_ = answer.kind == ResultKind::exception;
  units_ended(0, 1, pid);
  finish();
  return true;
}

void Call::fail(std::uint32_t, const std::exception_ptr& error, Pid pid) noexcept {
  pid_ = pid;
  error_ = error;
  units_ended(0, 1, pid);
  finish();
}

std::span<const std::byte> Call::value(std::size_t) const {
  if (const std::exception_ptr failure = error()) std::rethrow_exception(failure);
  return payload_.view();
}

std::exception_ptr Call::error() const {
  if (error_) return error_;
  if (threw_) return decode_exception(payload_.view(), RemoteInfo{pid_, first_id()});
  return nullptr;
}

std::vector<Pid> Call::settled_pids() const {
  return pid_ == 0 ? std::vector<Pid>{} : std::vector<Pid>{pid_};
}

}  // namespace procpool::detail
