// SPDX-License-Identifier: MIT
// Which worker gets which job, and what becomes of the jobs of a worker that dies, step by step.
#include "unit/dispatcher_host.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace procpool::testing {
namespace {

using namespace detail;
using Reason = WorkerLostError::Reason;

class Dispatching : public DispatcherTest {};

std::vector<JobId> ids(JobId first, JobId last) {
  std::vector<JobId> made(static_cast<std::size_t>(last - first + 1));
  std::iota(made.begin(), made.end(), first);
  return made;
}

TEST_F(Dispatching, AJobGoesToAnIdleWorkerAndItsAnswerSettlesIt) {
  add_ready_worker(1);
  const Job job = submit();
  EXPECT_FALSE(job->ready());
  EXPECT_EQ(worker(1).run_one(), job->first_id());
  dispatcher.serve();
  EXPECT_TRUE(done(job));
  EXPECT_EQ(job->units_of_it[0].pid, first_pid + 1);
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(Dispatching, JobsWaitUntilThereIsAWorker) {
  const std::vector<Job> jobs = submit_many(3);
  dispatcher.serve();
  add_ready_worker(1);
  EXPECT_EQ(worker(1).run_all().size(), 2U);  // as deep as a worker of unknown speed is filled
  dispatcher.serve();
  EXPECT_EQ(worker(1).run_all().size(), 1U);
  dispatcher.serve();
  for (const Job& job : jobs) EXPECT_TRUE(done(job));
}

TEST_F(Dispatching, AWorkerGetsNoJobBeforeItsPidIsKnown) {
  workers[1] = std::make_unique<SteppedWorker>();
  dispatcher.add_worker(1, workers[1]->make_process(), {});
  const Job job = submit();
  dispatcher.serve();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  dispatcher.worker_started(1, 77);
  EXPECT_EQ(worker(1).claim(), job->first_id());
  EXPECT_EQ(dispatcher.running_on(*job), std::vector<Pid>{77});
}

TEST_F(Dispatching, JobsBeginInTheOrderOfSubmission) {
  add_ready_worker(1);
  submit_many(50);
  std::vector<JobId> ran;
  while (ran.size() < 50) {
    const std::vector<JobId> now = worker(1).run_all();
    ASSERT_FALSE(now.empty());
    ran.insert(ran.end(), now.begin(), now.end());
    dispatcher.serve();
  }
  EXPECT_EQ(ran, ids(1, 50));
}

TEST_F(Dispatching, IdleWorkersGetOneJobEachBeforeAnyGetsTwo) {
  for (WorkerId id = 1; id <= 4; ++id) add_ready_worker(id);
  const std::vector<Job> jobs = submit_many(4);
  std::set<JobId> claimed;
  for (WorkerId id = 1; id <= 4; ++id) {
    const auto job = worker(id).claim();
    ASSERT_TRUE(job) << id;
    claimed.insert(*job);
  }
  EXPECT_EQ(claimed.size(), 4U);
}

TEST_F(Dispatching, AMapIsSpreadOverTheWorkers) {
  for (WorkerId id = 1; id <= 3; ++id) add_ready_worker(id);
  const Job map = submit(6);
  for (WorkerId id = 1; id <= 3; ++id) EXPECT_TRUE(worker(id).claim()) << id;
  for (WorkerId id = 1; id <= 3; ++id) worker(id).answer();
  for (int round = 0; round < 6 && !map->ready(); ++round) {
    dispatcher.serve();
    for (WorkerId id = 1; id <= 3; ++id) worker(id).run_all();
  }
  EXPECT_TRUE(map->ready());
  for (const auto& unit : map->units_of_it) EXPECT_EQ(unit.settled, 1);
}

TEST_F(Dispatching, WhatIsStuckBehindALongTaskGoesToAWorkerThatIsIdle) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  EXPECT_EQ(worker(1).claim(), jobs[0]->first_id());
  add_ready_worker(2);  // has nothing; the second job has not been started
  EXPECT_EQ(worker(2).run_one(), jobs[1]->first_id());
  dispatcher.serve();
  EXPECT_TRUE(done(jobs[1]));
  EXPECT_FALSE(jobs[0]->ready());
  worker(1).answer();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  dispatcher.serve();
  EXPECT_TRUE(done(jobs[0]));
  EXPECT_EQ(jobs[1]->units_of_it[0].settled, 1);
}

TEST_F(Dispatching, AFastSeriesFillsAWorkerDeeper) {
  add_ready_worker(1);
  submit_many(3000);
  std::size_t most = 0;
  for (std::size_t total = 0; total < 3000;) {
    const std::size_t count = worker(1).run_all().size();
    ASSERT_NE(count, 0U);
    most = std::max(most, count);
    total += count;
    dispatcher.serve();
  }
  EXPECT_GT(most, 10U);
}

TEST_F(Dispatching, OfADeadWorkerOnlyTheJobThatRanIsLost) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(4);
  EXPECT_EQ(worker(1).claim(), jobs[0]->first_id());
  const auto death = die(1);
  EXPECT_EQ(death.pid, first_pid + 1);
  EXPECT_TRUE(death.was_up);
  EXPECT_TRUE(death.accepted_jobs);
  EXPECT_FALSE(death.expected);
  ASSERT_TRUE(failed(jobs[0]));
  const auto error = error_of<WorkerLostError>(jobs[0]);
  EXPECT_EQ(error.pid(), first_pid + 1);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(11));
  EXPECT_EQ(error.reason(), Reason::crashed);
  EXPECT_EQ(jobs[0]->units_of_it[0].pid, first_pid + 1);
  add_ready_worker(2);
  std::vector<JobId> ran;
  for (int i = 0; i < 4; ++i) {
    for (const JobId id : worker(2).run_all()) ran.push_back(id);
    dispatcher.serve();
  }
  EXPECT_EQ(ran, ids(2, 4));  // at the front of the queue, in their order
  for (const Job& job : jobs) EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(Dispatching, AnAnswerThatTheDeadWorkerHadGivenCounts) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  worker(1).run_one();
  const auto death = die(1, ExitStatus::from_code(0));
  EXPECT_TRUE(done(jobs[0]));
  EXPECT_FALSE(jobs[1]->ready());
  EXPECT_TRUE(death.accepted_jobs);
}

TEST_F(Dispatching, AWorkerThatDiesIdleLosesNothing) {
  add_ready_worker(1);
  const Job job = submit();  // published, not claimed
  const auto death = die(1);
  EXPECT_FALSE(death.accepted_jobs);
  EXPECT_FALSE(job->ready());
  add_ready_worker(2);
  EXPECT_EQ(worker(2).run_one(), job->first_id());
}

TEST_F(Dispatching, AWorkerThatDiesBeforeItsHelloLosesNothing) {
  add_worker(1);
  const Job job = submit();
  EXPECT_TRUE(worker(1).claim());  // the hello
  const auto death = die(1);
  EXPECT_FALSE(death.was_up);
  EXPECT_FALSE(death.accepted_jobs);
  EXPECT_FALSE(job->ready());
  add_ready_worker(2);
  EXPECT_EQ(worker(2).run_one(), job->first_id());
}

TEST_F(Dispatching, OfAMapOnlyTheUnitThatRanIsLost) {
  add_ready_worker(1);
  const Job map = submit(5);
  EXPECT_TRUE(worker(1).claim());
  die(1);
  add_ready_worker(2);
  for (int i = 0; i < 5; ++i) {
    worker(2).run_all();
    dispatcher.serve();
  }
  ASSERT_TRUE(map->ready());
  EXPECT_TRUE(map->units_of_it[0].failed);
  for (std::uint32_t unit = 1; unit < 5; ++unit) EXPECT_FALSE(map->units_of_it[unit].failed) << unit;
  for (const auto& unit : map->units_of_it) EXPECT_EQ(unit.settled, 1);
}

TEST_F(Dispatching, ReasonsFollowFromTheStatus) {
  const std::pair<ExitStatus, Reason> cases[] = {{ExitStatus::from_code(3), Reason::exited},
                                                 {ExitStatus::from_code(0), Reason::exited},
                                                 {ExitStatus::from_code(0xC0000005), Reason::crashed},
                                                 {ExitStatus::from_signal(SIGABRT), Reason::crashed},
                                                 {ExitStatus::from_signal(15), Reason::killed},
                                                 {ExitStatus::from_signal(9), Reason::killed},
                                                 {ExitStatus(), Reason::unknown}};
  WorkerId id = 0;
  for (const auto& [status, reason] : cases) {
    add_ready_worker(++id);
    const Job job = submit();
    worker(id).claim();
    die(id, status);
    EXPECT_EQ(error_of<WorkerLostError>(job).reason(), reason) << status.to_string();
  }
}

TEST_F(Dispatching, AWorkerThatBreaksTheRulesIsKilledAndLosesItsJobWhenItIsDead) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  EXPECT_TRUE(worker(1).claim());
  worker(1).shared().control.result_tail = 77777;
  dispatcher.serve();
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  EXPECT_FALSE(jobs[0]->ready());
  EXPECT_TRUE(dispatcher.worker_pids().empty());
  const auto death = die(1, ExitStatus::from_signal(9));
  EXPECT_FALSE(death.expected) << "those that come after it may do the same, and must not for ever";
  EXPECT_EQ(error_of<WorkerLostError>(jobs[0]).reason(), Reason::protocol_violation);
  EXPECT_FALSE(jobs[1]->ready());
  add_ready_worker(2);
  EXPECT_EQ(worker(2).run_one(), jobs[1]->first_id());
  EXPECT_EQ(loop.kills.size(), 1U);
}

TEST_F(Dispatching, AnAnswerThatMakesNoSenseIsAViolation) {
  add_ready_worker(1);
  const Job job = submit();
  job->nonsense = true;
  worker(1).run_one();
  dispatcher.serve();
  EXPECT_EQ(error_of<WorkerLostError>(job).reason(), Reason::protocol_violation);
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(Dispatching, AnAnswerThatThereIsNoMemoryForFailsItsJobAndIsNotTheWorkersFault) {
  add_ready_worker(1);
  const Job job = submit();
  job->no_memory = true;
  worker(1).run_one();
  dispatcher.serve();
  EXPECT_NO_THROW(error_of<std::bad_alloc>(job));
  EXPECT_EQ(job->units_of_it[0].settled, 1);
  EXPECT_EQ(loop.kills, std::vector<WorkerId>());
  const Job next = submit();
  worker(1).run_one();
  dispatcher.serve();
  EXPECT_TRUE(done(next));
}

TEST_F(Dispatching, AcceptedIsToldWhileTheJobRuns) {
  add_ready_worker(1);
  const Job job = make_job();
  job->announce = true;
  submit(job);
  EXPECT_EQ(job->units_of_it[0].starts, 0);
  worker(1).claim();
  dispatcher.serve();
  EXPECT_EQ(job->units_of_it[0].starts, 1);
  EXPECT_EQ(job->units_of_it[0].started_on, first_pid + 1);
  dispatcher.serve();
  worker(1).answer();
  dispatcher.serve();
  EXPECT_TRUE(done(job));
  EXPECT_EQ(job->units_of_it[0].starts, 1);
}

TEST_F(Dispatching, AcceptedIsToldLateRatherThanNever) {
  add_ready_worker(1);
  const Job quick = make_job();
  const Job lost = make_job();
  quick->announce = lost->announce = true;
  submit(quick);
  submit(lost);
  worker(1).run_one();
  worker(1).claim();
  die(1);
  EXPECT_EQ(quick->units_of_it[0].starts, 1);
  EXPECT_EQ(lost->units_of_it[0].starts, 1);
  EXPECT_TRUE(done(quick));
  EXPECT_TRUE(failed(lost));
}

TEST_F(Dispatching, RunningOnTellsWhoHasBegun) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  EXPECT_TRUE(dispatcher.running_on(*jobs[0]).empty());
  worker(1).claim();
  EXPECT_EQ(dispatcher.running_on(*jobs[0]), std::vector<Pid>{first_pid + 1});
  EXPECT_TRUE(dispatcher.running_on(*jobs[1]).empty());
  worker(1).answer();
  worker(1).claim();  // nobody has fetched the first answer
  EXPECT_EQ(dispatcher.running_on(*jobs[1]), std::vector<Pid>{first_pid + 1});
}

TEST_F(Dispatching, RunningOnSeesPastAHelloThatNobodyHasFetched) {
  add_worker(1);
  const Job job = submit();
  worker(1).run_one();  // the hello
  worker(1).claim();
  EXPECT_EQ(dispatcher.running_on(*job), std::vector<Pid>{first_pid + 1});
}

TEST_F(Dispatching, TheFirstAnswerIsTakenBeforeTheLastIsThere) {
  // The worker rings when the host wants to look, and the host has said when that is.
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(1);
  const int before = worker(1).rings;
  worker(1).run_one();
  EXPECT_GT(worker(1).rings, before);
}

TEST_F(Dispatching, AWorkerThatRunsDryRingsWhileMoreWaits) {
  add_ready_worker(1);
  submit_many(10);  // more than it is given at once
  const int before = worker(1).rings;
  worker(1).run_all();
  EXPECT_GT(worker(1).rings, before);
}

TEST_F(Dispatching, AWorkerMayBoastOfItsWorkAsMuchAsItLikes) {
  add_ready_worker(1);
  for (int i = 0; i < 3; ++i) {
    const Job job = submit();
    EXPECT_TRUE(worker(1).run_one());
    worker(1).say_it_took(Duration::max());
    dispatcher.serve();
    EXPECT_TRUE(done(job));
  }
  EXPECT_GT(dispatcher.stats().workers.at(0).busy, Duration::zero());
}

TEST_F(Dispatching, AStartIsToldWhenTheJobIsClaimedAndNotBefore) {
  SteppedWorker& first = add_ready_worker(1);
  const Job job = make_job();
  job->announce = true;
  submit(job);
  first.shared().control.current = job->first_id();
  dispatcher.serve();
  EXPECT_EQ(job->units_of_it[0].starts, 0);
  ASSERT_TRUE(first.claim());
  dispatcher.serve();
  EXPECT_EQ(job->units_of_it[0].starts, 1);
}

TEST_F(Dispatching, OneJobAfterTheOtherGoesToTheWorkerThatIsAwake) {
  add_ready_worker(1);
  add_ready_worker(2);
  for (int i = 0; i < 4; ++i) {
    const Job job = submit();
    EXPECT_TRUE(worker(1).run_one());
    EXPECT_FALSE(worker(2).run_one());
    dispatcher.serve();
    EXPECT_TRUE(done(job));
  }
}

class DispatchingWithALook : public DispatcherTest {
 protected:
  DispatchingWithALook() : DispatcherTest(&Clock::now, SIZE_MAX, std::chrono::microseconds(50)) {}
};

TEST_F(DispatchingWithALook, AWaiterWithSomethingToDoAllTheTimeLetsOthersIn) {
  TestBellAsHostBell bell;
  dispatcher.set_bell(&bell);
  SteppedWorker& worker = add_ready_worker(1);
  const Job job = submit();
  ASSERT_TRUE(worker.claim());
  std::atomic<bool> stop{false};
  std::thread restless([&] {
    while (!stop) worker.shared().control.signals.fetch_add(1);
  });
  std::thread waiter([&] { dispatcher.wait(*job, Clock::now() + std::chrono::seconds(30)); });
  const TimePoint begin = Clock::now();
  // Also once the waiter has begun.
  for (int i = 0; i < 300 || Clock::now() - begin < std::chrono::milliseconds(300); ++i) {
    EXPECT_EQ(dispatcher.stats().running, 1U);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  stop = true;
  restless.join();
  worker.answer();
  dispatcher.serve();
  waiter.join();
  EXPECT_TRUE(done(job));
  dispatcher.set_bell(nullptr);
}

class DispatchingWithAVeryLongLook : public DispatcherTest {
 protected:
  DispatchingWithAVeryLongLook() : DispatcherTest(&Clock::now, SIZE_MAX, std::chrono::seconds(30)) {}
  ~DispatchingWithAVeryLongLook() override { dispatcher.set_bell(nullptr); }

  void SetUp() override {
    dispatcher.set_bell(&bell_);
    add_ready_worker(1);
  }
  /// Waits on a thread of its own, while the worker answers when the job has come to it.
  void wait_while_it_runs(const Job& job) {
    std::thread caller([&] { EXPECT_TRUE(dispatcher.wait(*job, Clock::now() + std::chrono::seconds(30))); });
    const auto& claim = worker(1).shared().control.claim;
    while (detail::Claim::unpack(claim.load()).unclaimed() == 0 || !loops_bell_is_off()) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(worker(1).run_one());
    caller.join();
    EXPECT_TRUE(done(job));
  }

 private:
  bool loops_bell_is_off() {
    const auto word = worker(1).shared().control.host_waits.load();
    return detail::WakeWord::unpack(word).who != detail::WakeWord::Who::loop;
  }

  TestBellAsHostBell bell_;
};

TEST_F(DispatchingWithAVeryLongLook, AJobWhoseCallerWaitsIsBroughtByItAndRingsNobody) {
  const int rings = worker(1).rings;
  const Job job = make_job();
  dispatcher.submit(detail::Ref<detail::Submission>::share(job.get()), true);
  EXPECT_TRUE(worker(1).run_all().empty());
  wait_while_it_runs(job);
  EXPECT_EQ(worker(1).rings, rings);
}

TEST_F(DispatchingWithAVeryLongLook, OnceSomebodyLooksForTheAnswerItRingsNobody) {
  const Job job = submit();
  const int rings = worker(1).rings;
  wait_while_it_runs(job);
  EXPECT_EQ(worker(1).rings, rings);
}

}  // namespace
}  // namespace procpool::testing
