// SPDX-License-Identifier: MIT
// The Dispatcher when its pool closes, ends or waits, and the policies that it consults.
#include "dispatcher/depth.hpp"
#include "unit/dispatcher_host.hpp"

#include <chrono>
#include <thread>
#include <vector>

namespace procpool::testing {
namespace {

using namespace detail;
using namespace std::chrono_literals;

class DispatcherLife : public DispatcherTest {
 protected:
  void terminate() {
    dispatcher.terminate(std::make_exception_ptr(Terminated("ended", 15)),
                         std::make_exception_ptr(PoolClosedError("closed")));
  }
};

TEST_F(DispatcherLife, AClosedOneRefusesJobsAndTellsOnceWhenAllIsDone) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  EXPECT_FALSE(dispatcher.closed());
  dispatcher.close();
  EXPECT_TRUE(dispatcher.closed());
  EXPECT_THROW(submit(), PoolClosedError);
  EXPECT_THROW(dispatcher.check_open(), PoolClosedError);
  EXPECT_EQ(loop.times_drained, 0);
  worker(1).run_all();
  dispatcher.serve();
  EXPECT_TRUE(done(jobs[0]) && done(jobs[1]));
  EXPECT_EQ(loop.times_drained, 1);
  dispatcher.close();
  dispatcher.serve();
  EXPECT_EQ(loop.times_drained, 1);
}

TEST_F(DispatcherLife, AnIdleOneIsDrainedAtOnce) {
  add_ready_worker(1);
  dispatcher.close();
  EXPECT_EQ(loop.times_drained, 1);
}

TEST_F(DispatcherLife, TerminateFailsWhatWaitsAtOnceAndWhatRunsWhenItsWorkerIsDead) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(5);
  worker(1).claim();
  terminate();
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  EXPECT_FALSE(jobs[0]->ready());
  for (std::size_t i = 1; i < 5; ++i) EXPECT_TRUE(failed(jobs[i])) << i;
  EXPECT_EQ(loop.times_drained, 0);
  EXPECT_TRUE(die(1, ExitStatus::from_signal(9)).expected);
  EXPECT_EQ(error_of<Terminated>(jobs[0]).signal(), 15);
  EXPECT_EQ(loop.times_drained, 1);
  EXPECT_THROW(submit(), PoolClosedError);
  for (const Job& job : jobs) EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(DispatcherLife, AJobIsTerminatedThoughTheAnswersBeforeItHaveNotBeenFetched) {
  add_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  worker(1).run_one();  // the hello
  worker(1).run_one();
  worker(1).claim();
  dispatcher.terminate(*jobs[1], 2, std::make_exception_ptr(Terminated("ended", 2)));
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  die(1, ExitStatus::from_signal(9));
  EXPECT_TRUE(done(jobs[0]));
  EXPECT_EQ(error_of<Terminated>(jobs[1]).signal(), 2);
}

TEST_F(DispatcherLife, AJobIsTerminatedThatBeginsWhileTheAnswersOfAnotherWorkerAreFetched) {
  add_ready_worker(1);
  add_ready_worker(2);
  const std::vector<Job> jobs = submit_many(4);
  const JobId first = worker(1).claim().value();
  const JobId other = worker(2).run_one().value();
  const auto job = [&](JobId id) { return jobs.at(static_cast<std::size_t>(id - jobs[0]->first_id())); };
  const Job behind = job(first + 2);
  job(other)->while_accepted = [&] {
    worker(1).answer();
    EXPECT_EQ(worker(1).claim(), behind->first_id());
  };
  dispatcher.terminate(*behind, 2, std::make_exception_ptr(Terminated("ended", 2)));
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  die(1, ExitStatus::from_signal(9));
  EXPECT_EQ(error_of<Terminated>(behind).signal(), 2);
}

TEST_F(DispatcherLife, AfterTerminateAWorkerClaimsNothingMore) {
  add_ready_worker(1);
  submit_many(3);
  worker(1).run_one();
  terminate();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
}

TEST_F(DispatcherLife, AnAnswerThatWasThereBeforeTerminateCounts) {
  add_ready_worker(1);
  const Job job = submit();
  worker(1).run_one();
  terminate();
  die(1);
  EXPECT_TRUE(done(job));
}

TEST_F(DispatcherLife, WithoutWorkersTerminateSettlesEverything) {
  const Job job = submit(3);
  terminate();
  EXPECT_TRUE(job->ready());
  for (std::uint32_t unit = 0; unit < 3; ++unit) error_of<Terminated>(job, unit);
}

TEST_F(DispatcherLife, ARetiringWorkerFinishesWhatItHasBegunAndTheRestGoesElsewhere) {
  add_ready_worker(1);
  const std::vector<Job> jobs = submit_many(2);
  worker(1).claim();
  dispatcher.retire_all();
  EXPECT_TRUE(dispatcher.worker_pids().empty());
  worker(1).answer();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  dispatcher.serve();
  EXPECT_TRUE(done(jobs[0]));
  EXPECT_FALSE(jobs[1]->ready());
  add_ready_worker(2);
  EXPECT_EQ(worker(2).run_one(), jobs[1]->first_id());
  EXPECT_TRUE(die(1, ExitStatus::from_code(0)).expected);
  EXPECT_EQ(loop.kills.size(), 0U);
}

TEST_F(DispatcherLife, AStartupErrorIsToldWithTheDeath) {
  add_worker(1);
  worker(1).claim();
  worker(1).answer(ResultKind::exception);
  const auto death = die(1, ExitStatus::from_code(70));
  EXPECT_FALSE(death.was_up);
  EXPECT_NE(death.startup_error, nullptr);
}

TEST_F(DispatcherLife, StatisticsCountOnlyJobs) {
  add_worker(1);
  submit_many(2);
  EXPECT_EQ(dispatcher.stats().queued, 2U);
  EXPECT_EQ(dispatcher.stats().running, 0U);
  terminate();
  EXPECT_EQ(dispatcher.stats().queued, 0U);
}

TEST_F(DispatcherLife, AWaitEndsAtItsDeadline) {
  TestBellAsHostBell bell;
  dispatcher.set_bell(&bell);
  add_ready_worker(1);
  const Job job = submit();
  EXPECT_FALSE(dispatcher.wait(*job, Clock::now() + 5ms));
  EXPECT_FALSE(dispatcher.wait(*job, Clock::now() - 5ms));
  worker(1).run_one();
  // The one who waits fetches the answer.
  EXPECT_TRUE(dispatcher.wait(*job, Clock::now() + 10s));
  dispatcher.set_bell(nullptr);
}

TEST_F(DispatcherLife, AWaitIsEndedByADeathThatTheLoopTells) {
  TestBellAsHostBell bell;
  dispatcher.set_bell(&bell);
  add_ready_worker(1);
  const Job job = submit();
  worker(1).claim();
  bool ready = false;
  std::thread waiter([&] { ready = dispatcher.wait(*job, Clock::now() + 30s); });
  while (!job->awaited()) std::this_thread::yield();
  die(1);
  waiter.join();
  EXPECT_TRUE(ready);
  dispatcher.set_bell(nullptr);
}

TEST(DepthTest, StartsCarefullyAndGrowsWithFastJobs) {
  Depth depth;
  EXPECT_EQ(depth.jobs(), 2U);
  EXPECT_EQ(depth.jobs_per_look(), 1U);
  for (int i = 0; i < 200; ++i) depth.add(1us);
  EXPECT_GT(depth.jobs(), 100U);
  EXPECT_EQ(depth.jobs_per_pack(), 20U);
  for (int i = 0; i < 2000; ++i) depth.add(1ns);
  EXPECT_GT(depth.jobs(), ring_slots);
  EXPECT_EQ(depth.jobs_per_pack(), most_in_pack);
}

TEST(DepthTest, SlowJobsAreGivenTwoAtATime) {
  Depth depth;
  for (int i = 0; i < 10; ++i) depth.add(5s);
  EXPECT_EQ(depth.jobs(), 2U);
  EXPECT_EQ(depth.jobs_per_pack(), 1U);
  EXPECT_EQ(depth.jobs_per_look(), 1U);
}

TEST(DepthTest, OnePreemptedJobDoesNotMakeAllLookSlow) {
  Depth depth;
  for (int i = 0; i < 200; ++i) depth.add(1us);
  const std::uint32_t before = depth.jobs();
  depth.add(1s);
  EXPECT_GT(depth.jobs(), before / 2);
}

TEST(DepthTest, NonsenseDoesNoHarm) {
  Depth depth;
  depth.add(0ns);
  depth.add(-5s);
  depth.add(Duration::max());
  EXPECT_GE(depth.jobs(), 2U);
  EXPECT_LE(depth.jobs(), 1U << 16);
  EXPECT_LE(depth.jobs_per_pack(), most_in_pack);
}

}  // namespace
}  // namespace procpool::testing
