// SPDX-License-Identifier: MIT
/// \file
/// DispatcherTest: a Dispatcher whose workers do one step at a time, as the test says, on the test's own
/// thread.
#pragma once

#include "dispatcher/dispatcher.hpp"
#include "unit/channel_buffer.hpp"
#include "unit/channel_pair.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {

/// Notes what the Dispatcher asks for.
class FakeLoop final : public detail::DispatcherLoop {
 public:
  void serve_soon() noexcept override { ++serves; }
  void kill(WorkerId worker) noexcept override { kills.push_back(worker); }
  void drained() noexcept override { ++times_drained; }
  [[nodiscard]] bool has_thread() const noexcept override { return true; }
  void drive(Duration) override {}

  int serves = 0;
  int times_drained = 0;
  std::vector<WorkerId> kills;
};

/// A submission of some units, which notes what becomes of each.
class FakeSubmission final : public detail::Submission {
 public:
  struct Unit {
    int settled = 0;
    bool failed = false;
    Pid pid = 0;
    int starts = 0;
    Pid started_on = 0;
    std::exception_ptr error;
  };

  explicit FakeSubmission(std::uint32_t units = 1) : Submission(units), units_of_it(units) {}

  void describe(std::uint32_t, std::uint32_t most, detail::Message& message) const override {
    message.announce = announce;
    message.ask = asks;
    if (!packs) return;
    message.count = std::min<std::uint32_t>(most, 100);
    message.pack = message.count > 1;
    static const std::uint32_t no_arguments[100] = {};  // the lengths
    if (message.pack) message.arguments = std::as_bytes(std::span(no_arguments).first(message.count));
  }
  [[nodiscard]] bool settled(std::uint32_t unit) const noexcept override {
    return units_of_it[unit].settled != 0;
  }
  [[nodiscard]] detail::Limits limits() const noexcept override { return job_limits; }
  [[nodiscard]] Duration lost_worker_timeout() const noexcept override { return lost_timeout; }
  void limit_passed(std::uint32_t, bool soft) noexcept override { ++(soft ? soft_passed : hard_passed); }
  void started(std::uint32_t unit, Pid pid, TimePoint) override {
    ++units_of_it[unit].starts;
    units_of_it[unit].started_on = pid;
  }
  [[nodiscard]] bool progressed(std::uint32_t, std::span<const std::byte>) override { return true; }
  [[nodiscard]] bool accept(std::uint32_t unit, detail::Answer&& answer, Pid pid) override {
    if (nonsense) return false;
    if (no_memory) throw std::bad_alloc();
    if (while_accepted) while_accepted();
    for (std::uint32_t i = 0; i < answer.count; ++i) settle(unit + i, pid);
    return true;
  }
  void fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) noexcept override {
    units_of_it[unit].failed = true;
    units_of_it[unit].error = error;
    settle(unit, pid);
  }
  [[nodiscard]] detail::Waitable* listener() const noexcept override { return nullptr; }

  std::vector<Unit> units_of_it;
  detail::Limits job_limits;
  Duration lost_timeout = std::chrono::seconds(10);
  bool announce = false;
  bool asks = false;
  bool packs = false;                    ///< its units may travel together
  bool nonsense = false;                 ///< whatever a worker answers makes no sense
  bool no_memory = false;                ///< there is none to keep what a worker answers
  std::function<void()> while_accepted;  ///< what workers do while the host is at it
  int soft_passed = 0;
  int hard_passed = 0;

 private:
  void settle(std::uint32_t unit, Pid pid) {
    ++units_of_it[unit].settled;
    units_of_it[unit].pid = pid;
    if (++settled_ == units()) set_ready();
  }

  std::uint32_t settled_ = 0;
};

/// A worker process without a process.
class SteppedWorker final : public WorkerLink {
 public:
  /// The host's end, to be given to the Dispatcher. Refers to this worker.
  [[nodiscard]] std::unique_ptr<WorkerProcess> make_process() { return std::make_unique<Process>(*this); }

  /// Claims a job if there is one.
  std::optional<JobId> claim() {
    if (!channel_.next(job_, no_idle)) return std::nullopt;
    return job_.id;
  }
  [[nodiscard]] bool claimed_is_hello() const { return job_.kind == detail::MessageKind::hello; }
  void answer(detail::ResultKind kind = detail::ResultKind::value) {
    ASSERT_TRUE(channel_.publish(job_, kind, {}));
  }
  void answer_for_the_last_time() {
    ASSERT_TRUE(channel_.publish(job_, detail::ResultKind::value, {}, true));
  }
  /// Claims and answers one; nothing if there is none.
  std::optional<JobId> run_one() {
    const auto id = claim();
    if (id) answer();
    return id;
  }
  /// Until there is nothing left.
  std::vector<JobId> run_all() {
    std::vector<JobId> ran;
    while (const auto id = run_one()) ran.push_back(*id);
    return ran;
  }
  /// In place of what the answer that was published last says of how long its job took.
  void say_it_took(Duration time) {
    const std::uint32_t last = shared().control.result_tail.load() - 1;
    shared().results[last % detail::ring_slots].elapsed_ns = static_cast<std::uint64_t>(time.count());
  }
  [[nodiscard]] detail::ChannelMemory& shared() noexcept { return buffer_.shared(); }

  std::span<std::byte> memory() noexcept override { return buffer_.bytes(); }
  /// Nobody sleeps here: what there is to do is there, or the test does it now.
  Wake wait(std::optional<Duration>) noexcept override {
    if (!while_it_waits) return Wake::host_gone;
    while_it_waits();
    return Wake::rung;
  }
  void ring(Bell) noexcept override { ++rings; }

  std::function<void()> while_it_waits;
  int rings = 0;
  int kills = 0;
  int nudges = 0;
  int asked_for_last_words = 0;
  bool ended = false;
  MemorySize footprint = MiB;

 private:
  class Process final : public WorkerProcess {
   public:
    explicit Process(SteppedWorker& worker) : worker_(worker) {}
    std::span<std::byte> memory() noexcept override { return worker_.memory(); }
    void ring() noexcept override {}
    void kill() noexcept override { ++worker_.kills; }
    void signal(int) noexcept override {}
    void nudge() noexcept override { ++worker_.nudges; }
    bool ended() noexcept override { return worker_.ended; }
    std::optional<MemorySize> footprint() noexcept override { return worker_.footprint; }
    NativeHandle sentinel() noexcept override { return -1; }
    std::string stderr_tail() override {
      ++worker_.asked_for_last_words;
      return {};
    }

   private:
    SteppedWorker& worker_;
  };

  ChannelBuffer buffer_;
  detail::WorkerChannel channel_{*this};
  detail::ClaimedJob job_;
};

class DispatcherTest : public ::testing::Test {
 protected:
  using Job = detail::Ref<FakeSubmission>;

  static constexpr Pid first_pid = 1000;

  explicit DispatcherTest(TimePoint (*now)() = &Clock::now, std::size_t cpus = SIZE_MAX,
                          Duration longest_spin = {})
      : dispatcher({.terms = {.max_message = std::size_t{1} << 20, .longest_spin = longest_spin},
                    .cpus = cpus,
                    .max_queued = 0,
                    .now = now},
                   loop) {}

  /// Adds a worker that has not answered its hello.
  SteppedWorker& add_worker(WorkerId id) {
    workers[id] = std::make_unique<SteppedWorker>();
    detail::Message hello;
    hello.kind = detail::MessageKind::hello;
    hello.items = 0;
    dispatcher.add_worker(id, workers[id]->make_process(), std::span(&hello, 1));
    dispatcher.worker_started(id, first_pid + static_cast<Pid>(id));
    return *workers[id];
  }
  /// Adds one that is up.
  SteppedWorker& add_ready_worker(WorkerId id) {
    SteppedWorker& worker = add_worker(id);
    EXPECT_TRUE(worker.claim());
    EXPECT_TRUE(worker.claimed_is_hello());
    worker.answer();
    dispatcher.serve();
    return worker;
  }
  SteppedWorker& worker(WorkerId id) { return *workers.at(id); }

  Job make_job(std::uint32_t units = 1) { return Job::adopt(new FakeSubmission(units)); }
  Job submit(std::uint32_t units = 1) {
    Job job = make_job(units);
    submit(job);
    return job;
  }
  void submit(const Job& job) { dispatcher.submit(detail::Ref<detail::Submission>::share(job.get())); }
  std::vector<Job> submit_many(int count) {
    std::vector<Job> jobs;
    for (int i = 0; i < count; ++i) jobs.push_back(submit());
    return jobs;
  }
  detail::Dispatcher::Death die(WorkerId id, ExitStatus status = ExitStatus::from_signal(11)) {
    return dispatcher.worker_exited(id, status);
  }

  static bool done(const Job& job) { return job->ready() && !job->units_of_it[0].failed; }
  static bool failed(const Job& job) { return job->ready() && job->units_of_it[0].failed; }
  template <class E>
  static E error_of(const Job& job, std::uint32_t unit = 0) {
    if (!job->units_of_it.at(unit).error) throw std::logic_error("it has no error");
    try {
      std::rethrow_exception(job->units_of_it[unit].error);
    } catch (const E& error) {
      return error;
    }
  }

  FakeLoop loop;
  std::map<WorkerId, std::unique_ptr<SteppedWorker>> workers;
  detail::Dispatcher dispatcher;
};

}  // namespace procpool::testing
