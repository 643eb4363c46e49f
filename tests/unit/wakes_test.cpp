// SPDX-License-Identifier: MIT
// Which sleeping workers are woken where there are more workers than CPUs.
#include "unit/dispatcher_host.hpp"

#include <chrono>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

/// Three workers on two CPUs, all asleep.
class Wakes : public DispatcherTest {
 protected:
  Wakes() : DispatcherTest([] { return now; }, 2) { now = TimePoint(1h); }

  /// As if all jobs took so long.
  void fall_asleep_after_jobs_of(Duration time) {
    for (WorkerId id = 1; id <= 3; ++id) add_ready_worker(id);
    submit_many(3);
    for (WorkerId id = 1; id <= 3; ++id) {
      ASSERT_TRUE(worker(id).run_one());
      worker(id).say_it_took(time);
      EXPECT_FALSE(worker(id).claim());
    }
    dispatcher.serve();
    ASSERT_EQ(awake(), Ids());
  }
  std::vector<WorkerId> awake() {
    std::vector<WorkerId> ids;
    for (const auto& [id, stepped] : workers) {
      if (stepped->shared().control.worker_sleeps.load() == 0) ids.push_back(id);
    }
    return ids;
  }
  /// The only one.
  WorkerId awake_one() {
    const auto ids = awake();
    EXPECT_EQ(ids.size(), 1U);
    return ids.at(0);
  }
  void begin(WorkerId id) {
    ASSERT_TRUE(worker(id).claim());
    worker(id).shared().control.started_at.store(now.time_since_epoch().count());
  }

  using Ids = std::vector<WorkerId>;
  static inline TimePoint now;
};

TEST_F(Wakes, QuickJobsAreLeftToTheWorkerThatIsAwake) {
  fall_asleep_after_jobs_of(100ns);
  const auto jobs = submit_many(10);
  const WorkerId one = awake_one();
  for (const Job& job : jobs) {
    EXPECT_TRUE(worker(one).run_one());
    dispatcher.serve();
    EXPECT_TRUE(done(job));
  }
  EXPECT_EQ(awake_one(), one);
}

TEST_F(Wakes, AJobThatIsNotAsQuickAsThoughtHoldsUpNoOthers) {
  fall_asleep_after_jobs_of(100ns);
  submit();
  const WorkerId one = awake_one();
  begin(one);
  const auto others = submit_many(2);
  EXPECT_EQ(awake(), Ids{one});
  const auto next = dispatcher.serve();
  ASSERT_TRUE(next);
  EXPECT_LE(*next - now, 1ms);
  now = *next;
  dispatcher.serve();
  EXPECT_EQ(awake().size(), 3U);
  for (const WorkerId id : awake()) {
    if (id != one) worker(id).run_all();
  }
  dispatcher.serve();
  for (const Job& job : others) EXPECT_TRUE(done(job));
}

TEST_F(Wakes, NorDoesOneThatBeganJustBeforeTheLook) {
  fall_asleep_after_jobs_of(100ns);
  submit_many(2);
  const WorkerId one = awake_one();
  const auto first_look = dispatcher.serve();
  ASSERT_TRUE(first_look);
  now = *first_look - 1us;
  worker(one).run_one();
  worker(one).run_one();
  dispatcher.serve();
  submit();
  begin(one);
  const Job other = submit();
  now = *first_look;
  const auto next = dispatcher.serve();
  EXPECT_EQ(awake(), Ids{one});
  ASSERT_TRUE(next);
  EXPECT_LE(*next - now, 1ms);
  now = *next;
  dispatcher.serve();
  EXPECT_EQ(awake().size(), 2U);
}

TEST_F(Wakes, WorkThatIsWorthItWakesAll) {
  fall_asleep_after_jobs_of(100ns);
  submit(10'000);
  EXPECT_EQ(awake().size(), 3U);
}

TEST_F(Wakes, JobsThatAreNotQuickWakeAWorkerEach) {
  fall_asleep_after_jobs_of(1ms);
  submit();
  EXPECT_EQ(awake().size(), 1U);
  submit_many(2);
  EXPECT_EQ(awake().size(), 3U);
}

}  // namespace
}  // namespace procpool::testing
