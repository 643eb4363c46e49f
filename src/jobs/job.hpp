// SPDX-License-Identifier: MIT
/// \file
/// Job: a submission with a handle.
#pragma once

#include "dispatcher/dispatcher.hpp"
#include "dispatcher/submission.hpp"
#include "jobs/arrivals.hpp"
#include "jobs/callback_queue.hpp"
#include "jobs/payload.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/job_options.hpp>
#include <procpool/detail/loan.hpp>
#include <procpool/options.hpp>
#include <procpool/semaphore.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace procpool::detail {

/// What a pool and all of its jobs share.
struct JobContext {
  std::shared_ptr<Dispatcher> dispatcher;
  std::shared_ptr<CallbackQueue> callbacks;
  Limits limits;  ///< of jobs that have none of their own
  Duration lost_worker_timeout{0};
  bool enable_timeouts = true;
  bool synack = false;
  std::shared_ptr<Semaphore> semaphore;
  std::function<void(JobInfo, std::optional<Duration>, std::optional<Duration>)> on_timeout_set;
  std::function<void(JobInfo)> on_timeout_cancel;
  std::function<void(JobInfo, bool)> send_ack;
  std::function<void(JobInfo)> on_job_ready;
  std::function<void(const std::string&)> on_log;
};

/// The task that all items of a job call.
struct TaskCode {
  std::uint64_t task = 0;
  std::size_t prefix_length = 0;  ///< of the bytes that come with it
};

/// The state behind a JobHandle. Its outcome is written once, under the Dispatcher's lock, before it becomes
/// ready; the members for handles may be called on any thread.
class Job : public Submission {
 public:
  // --- for handles

  bool wait(std::optional<TimePoint> deadline) { return context_->dispatcher->wait(*this, deadline); }
  void when_ready(std::function<void()> action);
  bool cancel();
  void terminate(int signum);
  void discard();
  [[nodiscard]] bool accepted() const;
  [[nodiscard]] std::vector<Pid> worker_pids() const;
  [[nodiscard]] const std::string& correlation_id() const noexcept;
  [[nodiscard]] virtual std::size_t items() const noexcept = 0;
  /// Needs ready(). Throws the item's error.
  [[nodiscard]] virtual std::span<const std::byte> value(std::size_t item) const = 0;
  /// Needs ready(). Of the first item that has one.
  [[nodiscard]] virtual std::exception_ptr error() const = 0;

  // --- before it is submitted

  /// Throws std::invalid_argument if the limits make no sense, and std::system_error if there can be no
  /// thread for the callbacks.
  void set_options(std::unique_ptr<JobOptions> options);
  /// For a job without units: it is ready at once.
  void settle_empty() { finish(); }
  /// It has taken a slot of JobContext::semaphore, to be given back when it has settled.
  void hold_slot() noexcept { holds_slot_ = true; }
  void set_arrivals(Ref<Arrivals> arrivals) {
    if (arrivals && !arrivals_) arrivals->expect_one();
    arrivals_ = std::move(arrivals);
  }

  // --- for the Dispatcher

  [[nodiscard]] Limits limits() const noexcept override;
  [[nodiscard]] Duration lost_worker_timeout() const noexcept override;
  void limit_passed(std::uint32_t unit, bool soft) noexcept override;
  [[nodiscard]] bool progressed(std::uint32_t unit, std::span<const std::byte> bytes) override;
  void started(std::uint32_t unit, Pid pid, TimePoint when) override;
  void let_go(Ref<Submission>&& self) noexcept override;
  [[nodiscard]] Waitable* listener() const noexcept override { return arrivals_.get(); }

 protected:
  Job(std::shared_ptr<const JobContext> context, std::uint32_t units) noexcept
      : Submission(units), context_(std::move(context)) {}

  /// What all messages of the job have in common.
  void describe_job(Message& message) const noexcept;
  /// To be called for the units that a worker had begun with, when they have settled.
  void units_ended(std::uint32_t first, std::uint32_t count, Pid pid) noexcept;
  /// The worker that runs, or ran, the unit.
  virtual std::vector<Pid> settled_pids() const = 0;
  /// The outcome is there.
  void finish() noexcept;

  [[nodiscard]] static std::exception_ptr refused();

 private:
  [[nodiscard]] JobInfo info(std::uint32_t unit, Pid pid) const;
  [[nodiscard]] bool tells_of_limits() const noexcept;
  [[nodiscard]] bool has_functions() const noexcept;
  void ask_for_word(std::uint32_t unit, Pid pid, TimePoint when);
  template <class F>
  void call_back(F call) const noexcept;
  void push_call(std::function<void()> call) const;

  std::shared_ptr<const JobContext> context_;
  std::unique_ptr<JobOptions> options_;  ///< with the limits that are in force; nullptr: the context's are
  Ref<Arrivals> arrivals_;
  /// For when it is ready, the last first; under the Dispatcher's lock.
  CallbackQueue::Calls actions_;
  std::atomic<std::uint32_t> reports_waiting_{0};  ///< in bytes, of progress
  // Last, so that most compilers put the first member of a Call behind it: a million jobs may wait.
  bool holds_slot_ = false;
};

/// One call of a task: Pool::apply, or an item of an imap.
class Call final : public Job {
 public:
  /// `bytes` holds the prefix and then the arguments; the loan is over when the job has settled.
  /// Throws std::bad_alloc.
  [[nodiscard]] static Ref<Job> make(std::shared_ptr<const JobContext> context, TaskCode code,
                                     ByteBuffer&& bytes, const Loan& loan);
  /// Not by its size, which says nothing of the room behind it.
  static void operator delete(void* memory) noexcept { ::operator delete(memory); }

  void describe(std::uint32_t unit, std::uint32_t most, Message& message) const override;
  [[nodiscard]] bool settled(std::uint32_t) const noexcept override { return ready(); }
  [[nodiscard]] bool accept(std::uint32_t unit, Answer&& answer, Pid pid) override;
  void fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) noexcept override;

  [[nodiscard]] std::size_t items() const noexcept override { return 1; }
  [[nodiscard]] std::span<const std::byte> value(std::size_t item) const override;
  [[nodiscard]] std::exception_ptr error() const override;

 protected:
  std::vector<Pid> settled_pids() const override;

 private:
  Call(std::shared_ptr<const JobContext> context, TaskCode code, ByteBuffer&& bytes, bool lent) noexcept;

  bool threw_ = false;  ///< the payload is an encoded exception
  bool lent_ = false;   ///< the payload is what is sent, and ends with a Loan
  std::uint32_t prefix_length_;
  Pid pid_ = 0;
  std::uint64_t task_;
  std::exception_ptr error_;  ///< in place of an answer
  Payload payload_;           ///< what is sent, later the answer; the last member, with its room behind it
};

}  // namespace procpool::detail
