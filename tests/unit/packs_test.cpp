// SPDX-License-Identifier: MIT
// Units that travel together, and what becomes of each when something happens to their worker.
#include "unit/dispatcher_host.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

namespace procpool::testing {
namespace {

using namespace detail;
using namespace std::chrono_literals;

class PacksOfUnits : public DispatcherTest {
 protected:
  PacksOfUnits() : DispatcherTest([] { return now; }) { now = TimePoint(1h); }

  /// Adds a worker whose jobs have been fast so far, so that many travel in a pack.
  void add_fast_worker(WorkerId id) {
    add_ready_worker(id);
    submit();
    EXPECT_TRUE(worker(id).run_one());
    worker(id).say_it_took(100ns);
    dispatcher.serve();
  }
  Job submit_units(std::uint32_t units, Limits limits = {}) {
    Job job = make_job(units);
    job->packs = true;
    job->job_limits = limits;
    submit(job);
    return job;
  }
  std::optional<JobId> begin(WorkerId id) {
    const auto job = worker(id).claim();
    worker(id).shared().control.started_at.store(now.time_since_epoch().count());
    return job;
  }
  void run(WorkerId id, int count) {
    for (; count != 0; --count) {
      ASSERT_TRUE(begin(id));
      worker(id).answer();
    }
  }
  /// The first unit travels alone, as long as somebody has nothing to do.
  void begin_pack(WorkerId id) {
    run(id, 1);
    begin(id);
    dispatcher.serve();
  }
  void after(Duration time) {
    now += time;
    dispatcher.serve();
  }
  static std::uint32_t settled(const Job& job) {
    std::uint32_t count = 0;
    for (const auto& unit : job->units_of_it) {
      EXPECT_LE(unit.settled, 1);
      count += static_cast<std::uint32_t>(unit.settled);
    }
    return count;
  }
  /// Against the rules.
  void claim_all(WorkerId id) {
    std::atomic<std::uint64_t>& word = worker(id).shared().control.claim;
    Claim claim = Claim::unpack(word);
    claim.head = claim.limit;
    word = claim.pack();
  }
  std::uint32_t messages(WorkerId id) { return worker(id).shared().control.result_tail.load(); }

  static constexpr Limits hard_50{.soft = {}, .hard = 50ms};
  static constexpr Limits soft_10_hard_50{.soft = 10ms, .hard = 50ms};
  static inline TimePoint now;
};

TEST_F(PacksOfUnits, FastUnitsTravelTogether) {
  add_fast_worker(1);
  const std::uint32_t before = messages(1);
  const Job job = submit_units(80);
  worker(1).run_all();
  dispatcher.serve();
  EXPECT_TRUE(done(job));
  EXPECT_EQ(settled(job), 80U);
  EXPECT_LE(messages(1) - before, 3U);
}

TEST_F(PacksOfUnits, SlowOnesTravelAlone) {
  add_ready_worker(1);
  submit();
  EXPECT_TRUE(worker(1).run_one());
  worker(1).say_it_took(1ms);
  dispatcher.serve();
  const std::uint32_t before = messages(1);
  const Job job = submit_units(2);
  worker(1).run_all();
  EXPECT_EQ(messages(1) - before, 2U);
}

TEST_F(PacksOfUnits, AWorkerThatDiesLosesTheOneThatRanAndNoOther) {
  add_fast_worker(1);
  const Job job = submit_units(20);
  run(1, 7);
  begin(1);
  die(1);
  EXPECT_EQ(settled(job), 8U);
  for (std::uint32_t unit = 0; unit < 7; ++unit) EXPECT_FALSE(job->units_of_it[unit].failed) << unit;
  EXPECT_NO_THROW(error_of<WorkerLostError>(job, 7));
  EXPECT_EQ(dispatcher.stats().lost, 1U);
  add_ready_worker(2);
  const std::vector<JobId> rest = worker(2).run_all();
  EXPECT_EQ(std::set<JobId>(rest.begin(), rest.end()).size(), 12U);
  EXPECT_EQ(*std::min_element(rest.begin(), rest.end()), job->first_id() + 8);
  dispatcher.serve();
  EXPECT_TRUE(job->ready());
  EXPECT_EQ(settled(job), 20U);
}

TEST_F(PacksOfUnits, TheLimitOfEachBeginsWithItself) {
  add_fast_worker(1);
  const Job job = submit_units(10, hard_50);
  for (int i = 0; i < 5; ++i) {
    begin(1);
    after(40ms);
    EXPECT_TRUE(loop.kills.empty());
    worker(1).answer();
  }
  begin(1);
  after(49ms);
  EXPECT_TRUE(loop.kills.empty());
  after(1ms);
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  EXPECT_EQ(job->hard_passed, 1);
  EXPECT_EQ(settled(job), 5U) << "the worker is not dead yet";
  EXPECT_EQ(dispatcher.stats().queued, 4U) << "what has not begun goes elsewhere";
  die(1, ExitStatus::from_signal(9));
  EXPECT_EQ(settled(job), 6U);
  EXPECT_NO_THROW(error_of<TimeLimitExceeded>(job, 5));
  for (std::uint32_t unit = 0; unit < 5; ++unit) EXPECT_FALSE(job->units_of_it[unit].failed) << unit;
  add_ready_worker(2);
  EXPECT_EQ(worker(2).run_all().size(), 4U);
  dispatcher.serve();
  EXPECT_EQ(settled(job), 10U);
}

TEST_F(PacksOfUnits, OneThatEndsJustAsItsLimitPassesIsSparedAndTheRestGoesOn) {
  add_fast_worker(1);
  const Job job = submit_units(4, hard_50);
  run(1, 1);
  begin(1);
  after(10ms);
  now += 45ms;
  worker(1).answer();
  dispatcher.serve();
  EXPECT_TRUE(loop.kills.empty());
  EXPECT_EQ(job->hard_passed, 0);
  EXPECT_EQ(worker(1).run_all().size(), 2U);
  dispatcher.serve();
  EXPECT_TRUE(done(job));
  EXPECT_EQ(settled(job), 4U);
}

TEST_F(PacksOfUnits, ASoftLimitIsThatOfTheOneThatRuns) {
  add_fast_worker(1);
  const Job job = submit_units(5, soft_10_hard_50);
  run(1, 2);
  const auto third = begin(1);
  after(10ms);
  EXPECT_EQ(worker(1).shared().control.soft_due.load(), third);
  EXPECT_EQ(job->soft_passed, 1);
  worker(1).answer();
  const auto fourth = begin(1);
  after(9ms);
  EXPECT_EQ(job->soft_passed, 1);
  after(1ms);
  EXPECT_EQ(worker(1).shared().control.soft_due.load(), fourth);
  EXPECT_EQ(job->soft_passed, 2);
}

TEST_F(PacksOfUnits, AnIdleWorkerGetsWhatWaitsBehindALongOne) {
  add_fast_worker(1);
  const Job job = submit_units(50);
  run(1, 3);
  begin(1);
  after(1ms);
  add_ready_worker(2);
  std::size_t elsewhere = 0;
  for (int round = 0; round < 10; ++round) {
    dispatcher.serve();
    elsewhere += worker(2).run_all().size();
  }
  EXPECT_EQ(elsewhere, 46U);
  EXPECT_FALSE(job->ready());
  worker(1).answer();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  dispatcher.serve();
  EXPECT_TRUE(done(job));
  EXPECT_EQ(settled(job), 50U);
}

TEST_F(PacksOfUnits, TerminatingThemSettlesWhatHasNotBegunAtOnceAndTheOneThatRunsWithItsWorker) {
  add_fast_worker(1);
  const Job job = submit_units(10);
  run(1, 4);
  begin(1);
  dispatcher.terminate(*job, 15, std::make_exception_ptr(Terminated("no more", 15)));
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  EXPECT_EQ(settled(job), 9U);
  for (std::uint32_t unit = 0; unit < 4; ++unit) EXPECT_FALSE(job->units_of_it[unit].failed) << unit;
  for (std::uint32_t unit = 5; unit < 10; ++unit) EXPECT_NO_THROW(error_of<Terminated>(job, unit));
  die(1, ExitStatus::from_signal(15));
  EXPECT_TRUE(job->ready());
  EXPECT_NO_THROW(error_of<Terminated>(job, 4));
}

TEST_F(PacksOfUnits, DiscardedOnesAreAnsweredForNothing) {
  add_fast_worker(1);
  const Job job = submit_units(10);
  run(1, 2);
  begin(1);
  dispatcher.discard(*job, std::make_exception_ptr(Terminated("not wanted", 15)));
  EXPECT_TRUE(job->ready());
  worker(1).answer();
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  const Job next = submit();
  EXPECT_TRUE(worker(1).run_one());
  dispatcher.serve();
  EXPECT_TRUE(done(next));
  EXPECT_EQ(settled(job), 10U);
}

TEST_F(PacksOfUnits, NonsenseForAPackFailsThePackAndTheWorkerIsKilled) {
  add_fast_worker(1);
  const Job job = submit_units(5);
  job->nonsense = true;
  worker(1).run_all();
  dispatcher.serve();
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{1});
  for (std::uint32_t unit = 0; unit < 5; ++unit) {
    if (job->units_of_it[unit].settled == 0) continue;
    EXPECT_NO_THROW(error_of<WorkerLostError>(job, unit));
  }
  die(1, ExitStatus::from_signal(9));
  EXPECT_LE(settled(job), 5U);
}

TEST_F(PacksOfUnits, AWorkerThatNamesAnotherUnitIsLimitedAllTheSame) {
  add_fast_worker(1);
  const Job job = submit_units(10, hard_50);
  begin_pack(1);
  worker(1).shared().control.current = job->first_id() + 5;
  for (int i = 0; i < 20; ++i) after(10ms);
  EXPECT_EQ(loop.kills, (std::vector<WorkerId>{1}));
}

TEST_F(PacksOfUnits, AWorkerThatNamesNowThisUnitAndNowThatIsLimitedAllTheSame) {
  add_fast_worker(1);
  const Job job = submit_units(10, hard_50);
  begin_pack(1);
  claim_all(1);
  for (JobId i = 0; i < 20; ++i) {
    worker(1).shared().control.started_at = now.time_since_epoch().count();
    worker(1).shared().control.current = job->first_id() + 2 + i % 2;
    after(10ms);
  }
  EXPECT_EQ(loop.kills, (std::vector<WorkerId>{1}));
  die(1);
  EXPECT_EQ(dispatcher.stats().lost, settled(job) - 1);
}

TEST_F(PacksOfUnits, JobsThatAWorkerClaimsAheadRunElsewhere) {
  add_fast_worker(1);
  const Job first = submit();
  ASSERT_TRUE(begin(1));
  std::vector<Job> behind;
  for (int i = 0; i < 8; ++i) behind.push_back(submit());
  claim_all(1);
  add_ready_worker(2);
  for (int i = 0; i < 20; ++i) after(10ms);
  EXPECT_EQ(loop.kills, (std::vector<WorkerId>{1}));
  die(1);
  worker(2).run_all();
  dispatcher.serve();
  EXPECT_TRUE(first->units_of_it[0].failed);
  for (const Job& job : behind) EXPECT_TRUE(done(job));
}

TEST_F(PacksOfUnits, AWorkerThatHasAnsweredWhatItClaimedIsLeftAlone) {
  add_fast_worker(1);
  const Job job = submit_units(20);
  run(1, 7);
  begin(1);
  for (int i = 0; i < 50; ++i) after(10ms);
  EXPECT_TRUE(loop.kills.empty());
  EXPECT_EQ(settled(job), 7U);
  worker(1).answer();
  worker(1).run_all();
  dispatcher.serve();
  EXPECT_EQ(settled(job), 20U);
}

TEST_F(PacksOfUnits, TheLastWordsOfAWorkerAreKeptOnceForAllThatItLoses) {
  add_fast_worker(1);
  const Job job = submit_units(10);
  begin_pack(1);
  claim_all(1);
  die(1);
  EXPECT_GT(settled(job), 1U);
  EXPECT_EQ(worker(1).asked_for_last_words, 1);
}

}  // namespace
}  // namespace procpool::testing
