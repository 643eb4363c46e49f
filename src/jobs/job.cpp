// SPDX-License-Identifier: MIT
#include "jobs/job.hpp"

#include "dispatcher/loss.hpp"

#include <procpool/errors.hpp>
#include <procpool/exception.hpp>

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace procpool::detail {

void Job::set_options(std::unique_ptr<JobOptions> options) {
  options_ = std::move(options);
  if (!options_) return;
  if (options_->soft_timeout) limits_.soft = *options_->soft_timeout;
  if (options_->timeout) limits_.hard = *options_->timeout;
  const auto refuse = [](const char* why) { throw std::invalid_argument(std::string("procpool: ") + why); };
  if (options_->soft_timeout && limits_.soft.count() <= 0) refuse("soft_timeout has to be above 0");
  if (options_->timeout && limits_.hard.count() <= 0) refuse("timeout has to be above 0");
  if (limits_.soft.count() != 0 && limits_.hard.count() != 0 && limits_.soft > limits_.hard) {
    // The pool's own soft limit simply never comes into play.
    if (options_->soft_timeout) refuse("soft_timeout is above timeout");
    limits_.soft = Duration::zero();
  }
}

void Job::limit_passed(std::uint32_t, bool soft) {
  if (!options_ || !options_->on_timeout) return;
  context_->callbacks->push([job = Ref<Job>::share(this), soft] {
    job->options_->on_timeout(soft, soft ? job->limits_.soft : job->limits_.hard);
  });
}

void Job::when_ready(std::function<void()> action) {
  if (!ready() && context_->dispatcher->unless_ready(*this, [&] {
        if (!actions_) actions_ = std::make_unique<std::vector<std::function<void()>>>();
        actions_->push_back(std::move(action));
      })) {
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
  context_->dispatcher->discard(*this,
                                std::make_exception_ptr(Terminated("procpool: the job was discarded", SIGTERM)));
}

bool Job::accepted() const { return !worker_pids().empty(); }

std::vector<Pid> Job::worker_pids() const {
  if (!ready()) return context_->dispatcher->running_on(*this);
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
  std::string note(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  context_->callbacks->push([job = Ref<Job>::share(this), fraction, note = std::move(note)] {
    job->options_->on_progress(fraction, note);
  });
  return true;
}

void Job::started(std::uint32_t, Pid pid, TimePoint when) {
  if (!announces_start()) return;
  context_->callbacks->push(
      [job = Ref<Job>::share(this), pid, when] { job->options_->on_accept(pid, when); });
}

void Job::finish() {
  set_ready();
  if (arrivals_) {
    retain();
    arrivals_->push(JobHandle(this));
  }
  if (const auto actions = std::move(actions_)) {
    for (auto& action : *actions) context_->callbacks->push(std::move(action));
  }
  if (!options_ || (!options_->on_success && !options_->on_error)) return;
  retain();
  context_->callbacks->push([handle = JobHandle(this), options = options_.get()] {
    const std::exception_ptr error = handle.error();
    if (!error && options->on_success) options->on_success(handle);
    if (error && options->on_error) options->on_error(error);
  });
}

Call::Call(std::shared_ptr<const JobContext> context, TaskCode code, ByteBuffer&& bytes) noexcept
    : Job(std::move(context), 1),
      task_(code.task),
      prefix_length_(static_cast<std::uint32_t>(code.prefix_length)),
      bytes_(std::move(bytes)) {}

void Call::describe(std::uint32_t, Message& message) const {
  message.task = task_;
  message.announce = announces_start();
  message.prefix = bytes_.view().first(prefix_length_);
  message.arguments = bytes_.view().subspan(prefix_length_);
}

bool Call::accept(std::uint32_t, Answer&& answer, Pid pid) {
  if (answer.kind == ResultKind::items) return false;
  pid_ = pid;
  threw_ = answer.kind == ResultKind::exception;
  bytes_ = std::move(answer.bytes);
  finish();
  return true;
}

void Call::fail(std::uint32_t, const std::exception_ptr& error, Pid pid) {
  pid_ = pid;
  error_ = error;
  finish();
}

std::span<const std::byte> Call::value(std::size_t) const {
  if (const std::exception_ptr failure = error()) std::rethrow_exception(failure);
  return bytes_.view();
}

std::exception_ptr Call::error() const {
  if (error_) return error_;
  if (threw_) return decode_exception(bytes_.view(), RemoteInfo{pid_, first_id()});
  return nullptr;
}

std::vector<Pid> Call::settled_pids() const { return pid_ == 0 ? std::vector<Pid>{} : std::vector<Pid>{pid_}; }

}  // namespace procpool::detail
