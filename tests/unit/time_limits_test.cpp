// SPDX-License-Identifier: MIT
// Time limits, memory limits and lost workers by the clock, which the test sets.
#include "unit/dispatcher_host.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace procpool::testing {
namespace {

using namespace detail;
using namespace std::chrono_literals;
using Reason = WorkerLostError::Reason;

class TimeLimits : public DispatcherTest {
 protected:
  TimeLimits() : DispatcherTest([] { return now; }) { now = TimePoint(1h); }

  /// Lets time pass, and the loop look. When it wants to look again, from now on.
  std::optional<Duration> after(Duration time) {
    now += time;
    const auto next = dispatcher.serve();
    if (!next) return std::nullopt;
    return *next - now;
  }
  Job submit_with(Limits limits, std::uint32_t units = 1) {
    Job job = make_job(units);
    job->job_limits = limits;
    submit(job);
    return job;
  }
  /// Its worker waits for the word before it begins.
  Job submit_asking() {
    Job job = make_job();
    job->job_limits = hard_50;
    job->asks = true;
    job->announce = true;
    submit(job);
    return job;
  }
  /// The worker begins with the next job now.
  std::optional<JobId> begin(WorkerId id) {
    const auto job = worker(id).claim();
    say_started(id, now);
    return job;
  }
  void say_started(WorkerId id, TimePoint time) {
    worker(id).shared().control.started_at.store(time.time_since_epoch().count());
  }
  std::uint64_t soft_due(WorkerId id) { return worker(id).shared().control.soft_due.load(); }
  const std::vector<WorkerId>& kills() const { return loop.kills; }

  static constexpr Limits hard_50{.soft = {}, .hard = 50ms};
  static constexpr Limits soft_10_hard_50{.soft = 10ms, .hard = 50ms};
  static inline TimePoint now;
};

using Kills = std::vector<WorkerId>;

TEST_F(TimeLimits, ATaskMayRunUpToItsLimit) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  begin(1);
  EXPECT_EQ(after(0ms), 50ms);
  EXPECT_EQ(after(50ms - 1ns), 1ns);
  EXPECT_EQ(kills(), Kills());
  worker(1).answer();
  EXPECT_EQ(after(0ms), std::nullopt);
  EXPECT_TRUE(done(job));
  EXPECT_EQ(job->hard_passed, 0);
}

TEST_F(TimeLimits, AtItsLimitTheWorkerIsKilledAndTheJobSettlesOnceItIsDead) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  begin(1);
  after(50ms);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_EQ(job->hard_passed, 1);
  EXPECT_FALSE(job->ready());
  after(1s);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_EQ(job->hard_passed, 1);
  EXPECT_FALSE(job->ready());
  EXPECT_TRUE(die(1, ExitStatus::from_signal(9)).expected);
  ASSERT_TRUE(failed(job));
  EXPECT_NE(std::string(error_of<TimeLimitExceeded>(job).what()).find("0.05"), std::string::npos);
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(TimeLimits, TimeInTheQueueDoesNotCount) {
  const Job first = submit_with(hard_50);
  const Job second = submit_with(hard_50);
  after(1h);
  add_ready_worker(1);
  after(1h);  // they have been handed over, and nobody has claimed them
  EXPECT_EQ(kills(), Kills());
  begin(1);
  after(49ms);
  worker(1).answer();
  begin(1);
  after(49ms);
  EXPECT_EQ(kills(), Kills());
  EXPECT_TRUE(done(first));
  after(1ms);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_EQ(second->hard_passed, 1);
}

TEST_F(TimeLimits, AJobThatComesWhileTheLoopSleepsWakesIt) {
  add_ready_worker(1);
  submit_with({.soft = {}, .hard = 1h});
  begin(1);
  EXPECT_EQ(after(0ms), 1h);
  add_ready_worker(2);
  int before = loop.serves;
  submit_with({.soft = {}, .hard = 2h});  // is in time when the loop looks anyway
  EXPECT_EQ(loop.serves, before);
  add_ready_worker(3);
  before = loop.serves;
  submit_with(hard_50);
  EXPECT_GT(loop.serves, before);
}

TEST_F(TimeLimits, ASoftLimitIsToldOnceAndNudgedUntilTheTaskEnds) {
  add_ready_worker(1);
  const Job job = submit_with({.soft = 10ms, .hard = {}});
  begin(1);
  EXPECT_EQ(after(9ms), 1ms);
  EXPECT_EQ(soft_due(1), 0U);
  EXPECT_EQ(after(1ms), 20ms);
  EXPECT_EQ(job->soft_passed, 1);
  EXPECT_EQ(soft_due(1), job->first_id());
  EXPECT_EQ(worker(1).nudges, 1);
  after(20ms);
  after(20ms);
  EXPECT_EQ(job->soft_passed, 1);
  EXPECT_EQ(worker(1).nudges, 3);
  worker(1).answer();
  EXPECT_EQ(after(20ms), std::nullopt);
  EXPECT_TRUE(done(job));
  EXPECT_EQ(worker(1).nudges, 3);
  EXPECT_EQ(kills(), Kills());
}

TEST_F(TimeLimits, WhoIgnoresTheSoftLimitRunsIntoTheHardOne) {
  add_ready_worker(1);
  const Job job = submit_with(soft_10_hard_50);
  begin(1);
  EXPECT_EQ(after(0ms), 10ms);
  EXPECT_EQ(after(10ms), 20ms);
  EXPECT_EQ(after(20ms), 20ms);
  EXPECT_EQ(after(15ms), 5ms);  // nearer than the next nudge
  EXPECT_EQ(kills(), Kills());
  after(5ms);
  EXPECT_EQ(kills(), Kills{1});
  die(1);
  error_of<TimeLimitExceeded>(job);
  EXPECT_EQ(job->soft_passed, 1);
  EXPECT_EQ(job->hard_passed, 1);
}

TEST_F(TimeLimits, BothLimitsAreToldIfNobodyCouldLookInBetween) {
  add_ready_worker(1);
  const Job job = submit_with(soft_10_hard_50);
  begin(1);
  after(60ms);
  EXPECT_EQ(job->soft_passed, 1);
  EXPECT_EQ(job->hard_passed, 1);
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, TheSoftLimitOfOneJobIsNotDueForTheNext) {
  add_ready_worker(1);
  const Job first = submit_with(soft_10_hard_50);
  const Job second = submit_with(soft_10_hard_50);
  begin(1);
  after(10ms);
  worker(1).answer();
  EXPECT_EQ(begin(1), second->first_id());
  after(9ms);
  EXPECT_NE(soft_due(1), second->first_id());
  EXPECT_EQ(second->soft_passed, 0);
  after(1ms);
  EXPECT_EQ(soft_due(1), second->first_id());
}

TEST_F(TimeLimits, AnAnswerThatIsThereWhenTheLimitIsLookedAtCounts) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  begin(1);
  now += 80ms;  // the loop is late
  worker(1).answer();
  after(0ms);
  EXPECT_TRUE(done(job));
  EXPECT_EQ(job->hard_passed, 0);
  EXPECT_EQ(kills(), Kills());
  submit();
  EXPECT_TRUE(worker(1).claim());
}

TEST_F(TimeLimits, AnAnswerAfterTheLimitHasStruckIsTooLate) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  begin(1);
  after(50ms);
  worker(1).answer();  // faster than the kill
  after(0ms);
  EXPECT_FALSE(job->ready());
  EXPECT_EQ(worker(1).claim(), std::nullopt);
  die(1, ExitStatus::from_signal(9));
  error_of<TimeLimitExceeded>(job);
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(TimeLimits, WhatWaitsBehindAJobThatIsKilledRunsElsewhere) {
  add_ready_worker(1);
  const Job slow = submit_with(hard_50);
  const Job next = submit_with(hard_50);
  begin(1);
  after(50ms);
  add_ready_worker(2);
  EXPECT_EQ(begin(2), next->first_id());
  worker(2).answer();
  after(0ms);
  EXPECT_TRUE(done(next));
  EXPECT_FALSE(slow->ready());
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, EachUnitOfAMapHasAClockOfItsOwn) {
  add_ready_worker(1);
  const Job map = submit_with(hard_50, 3);
  for (int unit = 0; unit < 2; ++unit) {
    begin(1);
    after(40ms);
    worker(1).answer();
    after(0ms);
  }
  EXPECT_EQ(kills(), Kills());
  begin(1);
  after(50ms);
  EXPECT_EQ(kills(), Kills{1});
  die(1);
  EXPECT_FALSE(map->units_of_it[0].failed || map->units_of_it[1].failed);
  error_of<TimeLimitExceeded>(map, 2);
}

TEST_F(TimeLimits, EachWorkerHasAClockOfItsOwn) {
  add_ready_worker(1);
  add_ready_worker(2);
  const Job limited = submit_with(hard_50);
  const Job later = submit_with(hard_50);
  begin(1);
  after(30ms);
  begin(2);
  EXPECT_EQ(after(19ms), 1ms);
  after(1ms);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_EQ(after(29ms), 1ms);
  EXPECT_EQ(kills(), Kills{1});
  after(1ms);
  EXPECT_EQ(kills(), (Kills{1, 2}));
}

TEST_F(TimeLimits, AJobWithoutLimitsMayRunForEver) {
  add_ready_worker(1);
  const Job job = submit_with({});
  begin(1);
  EXPECT_EQ(after(1000h), std::nullopt);
  EXPECT_EQ(kills(), Kills());
}

TEST_F(TimeLimits, LimitsThatTheClockCannotReachAreAsGoodAsNone) {
  constexpr Duration longest = Duration::max();
  add_ready_worker(1);
  const Job job = submit_with({.soft = longest, .hard = longest});
  EXPECT_EQ(after(0ms), std::nullopt);  // not begun with
  begin(1);
  EXPECT_EQ(after(1000h), std::nullopt);
  EXPECT_EQ(kills(), Kills());
  EXPECT_EQ(job->soft_passed, 0);
  EXPECT_EQ(worker(1).nudges, 0);
}

TEST_F(TimeLimits, TheWordThatAJobWaitsForDoesNotCount) {
  add_ready_worker(1);
  const Job job = submit_asking();
  worker(1).while_it_waits = [&] {
    say_started(1, now);
    after(1h);
    EXPECT_EQ(kills(), Kills());
    dispatcher.acknowledge(*job, 0, true);
    after(0ms);  // the worker has not taken note of the word
    EXPECT_EQ(kills(), Kills());
  };
  EXPECT_TRUE(begin(1));
  after(49ms);
  EXPECT_EQ(kills(), Kills());
  after(1ms);
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, AWorkerThatMustAskAndSaysNothingOfItsJobBuysNoTime) {
  add_ready_worker(1);
  const Job job = submit_asking();
  worker(1).while_it_waits = [&] {
    worker(1).shared().control.current.store(0);
    EXPECT_EQ(after(0ms), 50ms);
    after(50ms);
    EXPECT_EQ(kills(), Kills{1});
    dispatcher.acknowledge(*job, 0, true);
  };
  begin(1);
  die(1, ExitStatus::from_signal(9));
  error_of<TimeLimitExceeded>(job);
}

TEST_F(TimeLimits, WhatWasCountedBeforeAWorkerAskedDoesNotCountAfterTheWord) {
  add_ready_worker(1);
  const Job job = submit_asking();
  worker(1).while_it_waits = [&] {
    const JobId id = worker(1).shared().control.current.exchange(0);
    after(0ms);  // it looks as if the worker were on its way to ask
    worker(1).shared().control.current.store(id);
    after(10ms);
    EXPECT_EQ(job->units_of_it[0].starts, 1);
    after(1h);
    EXPECT_EQ(kills(), Kills());
    dispatcher.acknowledge(*job, 0, true);
  };
  EXPECT_TRUE(begin(1));
  after(49ms);
  EXPECT_EQ(kills(), Kills());
  after(1ms);
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, AWorkerCannotBuyTimeByAnotherAccountOfItsStart) {
  add_ready_worker(1);
  submit_with(hard_50);
  begin(1);
  after(0ms);
  for (int i = 0; i < 5; ++i) {
    say_started(1, now + 1h);
    after(10ms);
  }
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, AWorkerCannotBuyTimeByDenyingThatItRuns) {
  add_ready_worker(1);
  submit_with(hard_50);
  begin(1);
  worker(1).shared().control.current.store(0);
  after(0ms);
  after(50ms);
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, AStartBeforeTheJobWasThereIsNotBelieved) {
  add_ready_worker(1);
  submit_with(hard_50);
  begin(1);
  say_started(1, TimePoint());
  EXPECT_EQ(after(0ms), 50ms);
  EXPECT_EQ(kills(), Kills());
}

// --- workers whose end nobody tells

TEST_F(TimeLimits, AJobMayWaitForEverForTheEndOfItsWorker) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  job->lost_timeout = Duration::max();
  begin(1);
  after(50ms);
  EXPECT_EQ(kills(), Kills{1});
  after(1h);
  EXPECT_FALSE(job->ready());
  die(1, ExitStatus::from_signal(9));
  error_of<TimeLimitExceeded>(job);
}

TEST_F(TimeLimits, AKilledWorkerWhoseEndIsNotToldKeepsItsJobNoLongerThanAgreed) {
  add_ready_worker(1);
  const Job job = submit_with(hard_50);
  job->lost_timeout = 3s;
  begin(1);
  after(50ms);
  EXPECT_EQ(after(3s - 1ns), 1ns);
  EXPECT_FALSE(job->ready());
  after(1ns);
  ASSERT_TRUE(failed(job));
  error_of<TimeLimitExceeded>(job);
  die(1, ExitStatus::from_signal(9));
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(TimeLimits, ADeadWorkerWhoseEndIsNotToldKeepsItsJobNoLongerThanAgreed) {
  add_ready_worker(1);
  const Job job = submit();
  const Job waiting = submit();
  job->lost_timeout = 3s;
  begin(1);
  after(1h);
  EXPECT_EQ(kills(), Kills());
  worker(1).ended = true;
  after(100ms);
  EXPECT_EQ(after(0ms), 3s);
  EXPECT_FALSE(job->ready());
  add_ready_worker(2);
  EXPECT_EQ(begin(2), waiting->first_id());  // it does not wait for that
  after(3s);
  ASSERT_TRUE(failed(job));
  EXPECT_EQ(error_of<WorkerLostError>(job).reason(), Reason::unknown);
  EXPECT_FALSE(die(1, ExitStatus()).expected);  // nothing that procpool had a hand in
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(TimeLimits, ADeadWorkerThatHadBegunNothingLosesNothing) {
  add_ready_worker(1);
  const Job job = submit();  // not claimed
  worker(1).ended = true;
  after(1s);
  add_ready_worker(2);
  EXPECT_EQ(begin(2), job->first_id());
  after(1h);
  EXPECT_FALSE(job->ready());
  EXPECT_FALSE(die(1).expected);
}

TEST_F(TimeLimits, OfAWorkerThatBrokeTheRulesWhoseEndIsNotToldTheOtherJobsRunElsewhere) {
  add_ready_worker(1);
  const Job job = submit();
  const Job waiting = submit();
  job->lost_timeout = 3s;
  begin(1);
  worker(1).shared().control.result_tail = ring_slots + 1;
  after(0ms);
  EXPECT_EQ(kills(), Kills{1});
  add_ready_worker(2);
  EXPECT_EQ(after(0ms), 3s);
  EXPECT_EQ(begin(2), std::nullopt) << "the other may have begun with it";
  after(3s);
  after(0ms);
  ASSERT_TRUE(failed(job));
  EXPECT_EQ(error_of<WorkerLostError>(job).reason(), Reason::protocol_violation);
  EXPECT_EQ(begin(2), waiting->first_id());
  EXPECT_FALSE(die(1, ExitStatus::from_signal(9)).expected) << "another may do the same";
  EXPECT_EQ(job->units_of_it[0].settled, 1);
  EXPECT_FALSE(waiting->ready());
}

TEST_F(TimeLimits, ADiscardedJobKeepsNoOthersAtADeadWorkerWhoseEndIsNotTold) {
  add_ready_worker(1);
  const Job job = submit();
  const Job waiting = submit();
  begin(1);
  worker(1).shared().control.result_tail = ring_slots + 1;
  after(0ms);
  dispatcher.discard(*job, std::make_exception_ptr(Terminated("discarded", 15)));
  add_ready_worker(2);
  after(job->lost_timeout);
  after(0ms);
  EXPECT_EQ(begin(2), waiting->first_id());
  die(1);
  EXPECT_EQ(job->units_of_it[0].settled, 1);
}

TEST_F(TimeLimits, ADeadWorkersStatusIsToldIfItComesInTime) {
  add_ready_worker(1);
  const Job job = submit();
  begin(1);
  worker(1).ended = true;
  after(1s);
  die(1, ExitStatus::from_signal(11));
  EXPECT_EQ(error_of<WorkerLostError>(job).reason(), Reason::crashed);
}

TEST_F(TimeLimits, AnAnswerThatTheDeadWorkerGaveCounts) {
  add_ready_worker(1);
  const Job job = submit();
  begin(1);
  worker(1).answer();
  worker(1).ended = true;
  after(1s);
  EXPECT_TRUE(done(job));
}

// --- workers that end by themselves

TEST_F(TimeLimits, AWorkerThatHasNothingLeftToDoAndDoesNotEndIsKilled) {
  add_ready_worker(1);
  const Job job = submit();
  begin(1);
  dispatcher.retire_all();
  after(1h);
  EXPECT_EQ(kills(), Kills()) << "it has a job";
  worker(1).answer();
  EXPECT_EQ(after(0ms), 30s);
  EXPECT_TRUE(done(job));
  EXPECT_EQ(after(30s - 1ns), 1ns);
  EXPECT_EQ(kills(), Kills());
  after(1ns);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_TRUE(die(1, ExitStatus::from_signal(9)).expected);
}

TEST_F(TimeLimits, AWorkerThatCallsItsAnswerTheLastAndDoesNotEndIsKilled) {
  add_ready_worker(1);
  const Job job = submit();
  begin(1);
  worker(1).answer_for_the_last_time();
  EXPECT_EQ(after(0ms), 30s);
  EXPECT_TRUE(done(job));
  after(30s);
  EXPECT_EQ(kills(), Kills{1});
}

TEST_F(TimeLimits, AWorkerWhoseInitializerHasThrownGetsNoJobsAndHasToEnd) {
  add_worker(1);
  const Job job = submit();
  worker(1).claim();
  worker(1).answer(ResultKind::exception);
  EXPECT_EQ(after(0ms), 30s);
  EXPECT_EQ(begin(1), std::nullopt);
  add_ready_worker(2);
  EXPECT_EQ(begin(2), job->first_id());
  after(30s);
  EXPECT_EQ(kills(), Kills{1});
  const auto death = die(1, ExitStatus::from_signal(9));
  EXPECT_FALSE(death.expected);
  EXPECT_NE(death.startup_error, nullptr);
}

TEST_F(TimeLimits, AnIdleWorkerThatRetiresWakesTheLoopForItsEnd) {
  add_ready_worker(1);
  EXPECT_EQ(after(0ms), std::nullopt);
  const int before = loop.serves;
  EXPECT_EQ(dispatcher.retire_least_busy(), 1U);
  EXPECT_GT(loop.serves, before);
  EXPECT_EQ(after(0ms), 30s);
}

// --- memory that is sampled

TEST_F(TimeLimits, AWorkerAboveTheMemoryLimitIsKilledWithItsJob) {
  dispatcher.set_memory_limit(10 * MiB, false);
  add_ready_worker(1);
  const Job job = submit();
  begin(1);
  worker(1).footprint = 10 * MiB;
  EXPECT_EQ(after(5ms), 5ms);
  EXPECT_EQ(kills(), Kills());
  worker(1).footprint = 11 * MiB;
  after(5ms);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_FALSE(job->ready());
  die(1, ExitStatus::from_signal(9));
  error_of<MemoryLimitExceeded>(job);
}

TEST_F(TimeLimits, AnIdleWorkerIsNotMeasured) {
  dispatcher.set_memory_limit(10 * MiB, false);
  add_ready_worker(1).footprint = 11 * MiB;
  EXPECT_EQ(after(1s), std::nullopt);
  EXPECT_EQ(kills(), Kills());
}

TEST_F(TimeLimits, WhereTheKernelSeesToTheMemoryNobodyIsMeasured) {
  dispatcher.set_memory_limit(10 * MiB, true);
  add_ready_worker(1).footprint = 11 * MiB;
  submit();
  begin(1);
  EXPECT_EQ(after(1s), std::nullopt);
  EXPECT_EQ(kills(), Kills());
}

TEST_F(TimeLimits, AWorkerThatNeverBeginsIsKilledAndCountsAsAFailureToStart) {
  const int before = loop.serves;
  add_worker(1);
  EXPECT_GT(loop.serves, before);
  EXPECT_EQ(after(0ms), 2min);
  EXPECT_EQ(after(2min - 1ns), 1ns);
  EXPECT_EQ(kills(), Kills());
  const Job job = submit();
  after(1ns);
  EXPECT_EQ(kills(), Kills{1});
  EXPECT_EQ(after(1h), std::nullopt);
  EXPECT_EQ(kills(), Kills{1});
  const auto death = die(1, ExitStatus::from_signal(9));
  EXPECT_FALSE(death.expected);
  EXPECT_FALSE(death.was_up);
  EXPECT_THROW(std::rethrow_exception(death.startup_error), TimeoutError);
  EXPECT_FALSE(job->ready());
  add_ready_worker(2);
  worker(2).run_all();
  after(0ms);
  EXPECT_TRUE(done(job));
}

TEST_F(TimeLimits, AnInitializerMayTakeItsTime) {
  add_worker(1);
  after(2min - 1ns);
  EXPECT_TRUE(worker(1).claim());
  EXPECT_EQ(after(1h), std::nullopt);
  EXPECT_EQ(kills(), Kills());
}

TEST_F(TimeLimits, AProcessThatDoesNotComeToBeIsNotBlamedForIt) {
  workers[1] = std::make_unique<SteppedWorker>();
  Message hello;
  hello.kind = MessageKind::hello;
  dispatcher.add_worker(1, workers[1]->make_process(), std::span(&hello, 1));
  EXPECT_EQ(after(1h), std::nullopt);
  EXPECT_EQ(kills(), Kills());
}

}  // namespace
}  // namespace procpool::testing
