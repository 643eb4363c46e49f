// SPDX-License-Identifier: MIT
// Soft time limits: how a task learns of them, and what it may make of it.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"
#include "helpers/sanitizers.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class SoftLimits : public PoolTest {
 protected:
  void SetUp() override {
    if (const std::string why = no_interruptions(); !why.empty()) GTEST_SKIP() << why;
  }
};
PROCPOOL_ON_ALL_BACKENDS(SoftLimits);

int sleep_for_an_hour() {
  this_task::sleep_for(1h);
  return 0;
}
int wait_for_an_hour() {
  this_task::wait_until(Clock::now() + 1h);
  return 0;
}
int check_for_ever() {
  for (;;) {
    this_task::check();
    in_memory::check_alive();
  }
}
int compute_until_asked_to_stop() {
  int rounds = 1;
  while (!this_task::soft_timeout_requested()) {
    rounds = rounds % 1000 + 1;
    in_memory::check_alive();
  }
  return rounds;
}
std::string catch_and_clean_up() {
  try {
    this_task::sleep_for(1h);
  } catch (const SoftTimeLimitExceeded&) {
    return "cleaned up";
  }
  return "not interrupted";
}
/// Runs for about `microseconds`, and asks nothing.
int run_for(int microseconds) {
  const TimePoint end = Clock::now() + std::chrono::microseconds(microseconds);
  while (Clock::now() < end) {
  }
  return microseconds;
}
/// What a task without a limit must never see.
std::string look_for_a_stray_limit() {
  if (this_task::soft_timeout_requested()) return "requested";
  try {
    this_task::check();
    this_task::sleep_for(100us);
  } catch (const SoftTimeLimitExceeded&) {
    return "thrown";
  }
  return "none";
}

/// One turn of a task that makes no system call.
void spin() {
  in_memory::check_alive();
  // It hands over signals only within calls that it knows.
  if (under_thread_sanitizer) std::this_thread::sleep_for(1ms);
}

volatile int calls_of_handler = 0;
int count_calls_of_handler() {
  calls_of_handler = 0;
  const this_task::on_soft_timeout watch([] { calls_of_handler = calls_of_handler + 1; });
  while (calls_of_handler == 0) spin();
  // The host asks again and again until the task ends.
  std::this_thread::sleep_for(200ms);
  return calls_of_handler;
}
/// The digits of the handlers that were called; 0 if the limit came before both of them were there.
int nest_handlers() {
  static volatile int called = 0;
  called = 0;
  auto outer = [] { called = called * 10 + 1; };
  auto inner = [] { called = called * 10 + 2; };
  const this_task::on_soft_timeout first(outer);
  {
    const this_task::on_soft_timeout second(inner);
    if (called != 0) return 0;
    while (called == 0) spin();
  }
  while (called == 2) spin();
  return called;
}
int make_handler_too_late() {
  while (!this_task::soft_timeout_requested()) in_memory::check_alive();
  int calls = 0;
  auto count = [&calls] { ++calls; };
  const this_task::on_soft_timeout watch(count);
  return calls;
}
int calls_of_many = 0;
void count_call() {
  ++calls_of_many;
}
/// How many of the handlers are called, of each kind that there is one.
int make_handlers_of_all_kinds_too_late() {
  while (!this_task::soft_timeout_requested()) in_memory::check_alive();
  calls_of_many = 0;
  const auto named = [] { ++calls_of_many; };
  std::function<void()> erased = count_call;
  const auto pointer = &count_call;
  const this_task::on_soft_timeout of_function(count_call);
  const this_task::on_soft_timeout of_pointer(pointer);
  const this_task::on_soft_timeout of_constant(named);
  const this_task::on_soft_timeout of_object(erased);
  const this_task::on_soft_timeout of_temporary([] { return ++calls_of_many; });
  const this_task::on_soft_timeout of_data([](void* data) { ++*static_cast<int*>(data); }, &calls_of_many);
  return calls_of_many;
}
int sleep_without_procpool() {
  // Ends early: the sleep of the standard library would go on after a signal.
  std::atomic<bool> interrupted{false};
  auto note = [&interrupted] { interrupted = true; };
  const this_task::on_soft_timeout watch(note);
  while (!interrupted) std::this_thread::sleep_for(1ms);
  return 1;
}

TEST_P(SoftLimits, EveryWayToLookThrowsAndTheErrorReachesTheCaller) {
  PoolOptions with_limit = options(1);
  with_limit.soft_timeout = 50ms;
  Pool pool(std::move(with_limit));
  const std::vector<Pid> worker = pool.worker_pids();
  for (const auto task : {sleep_for_an_hour, wait_for_an_hour, check_for_ever}) {
    const TimePoint before = Clock::now();
    const auto handle = pool.apply_async(task);
    thrown_by<SoftTimeLimitExceeded>([&] { handle.get(patience); });
    EXPECT_GE(Clock::now() - before, 50ms);
    EXPECT_EQ(handle.worker_pids(), worker) << "a soft limit costs no worker";
  }
  EXPECT_EQ(pool.worker_pids(), worker);
}

TEST_P(SoftLimits, ATimeThatHasPassedLongAgoIsNotWaitedFor) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply([] {
    this_task::sleep_for(Duration::min());
    this_task::wait_until(TimePoint::min());
    return 1;
  }),
            1);
}

TEST_P(SoftLimits, ATaskThatStopsByItselfKeepsItsResult) {
  Pool pool = make_pool(1);
  EXPECT_GT(pool.apply_async(compute_until_asked_to_stop, std::tuple{}, {.soft_timeout = 50ms}).get(patience),
            0);
  EXPECT_EQ(pool.apply_async(catch_and_clean_up, std::tuple{}, {.soft_timeout = 50ms}).get(patience),
            "cleaned up");
}

TEST_P(SoftLimits, ATaskThatIgnoresItRunsIntoTheHardLimit) {
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(tasks::hang, std::tuple{}, {.soft_timeout = 20ms, .timeout = 200ms});
  thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  EXPECT_TRUE(is_whole(pool, 1));
}

TEST_P(SoftLimits, ATaskThatIgnoresItAndEndsInTimeKeepsItsResult) {
  Mailbox<bool> told;
  const tasks::Gate gate;
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(tasks::wait_at, std::tuple{gate.path(), 7},
                                       {.timeout_callback =
                                            [&](bool soft, Duration) {
                                              told.put(soft);
                                              gate.open();
                                            },
                                        .soft_timeout = 5ms,
                                        .timeout = patience});
  EXPECT_EQ(handle.get(patience), 7);
  EXPECT_EQ(told.all(), std::vector<bool>{true});
}

TEST_P(SoftLimits, OneNeverLandsInTheNextTask) {
  Pool pool = make_pool(1);
  std::vector<ApplyResult<std::string>> innocent;
  for (int i = 0; i < 300; ++i) {
    // Ends just about when its limit is due.
    pool.apply_async(run_for, std::tuple{900 + i}, {.soft_timeout = 1ms});
    innocent.push_back(pool.apply_async(look_for_a_stray_limit));
  }
  for (const auto& handle : innocent) EXPECT_EQ(handle.get(patience), "none");
}

TEST_P(SoftLimits, AHandlerIsCalledOnce) {
  if (in_memory()) GTEST_SKIP() << "its workers are threads, which get no signals";
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply_async(count_calls_of_handler, std::tuple{}, {.soft_timeout = 20ms}).get(patience), 1);
  EXPECT_EQ(pool.apply_async(sleep_without_procpool, std::tuple{}, {.soft_timeout = 20ms}).get(patience), 1);
}

TEST_P(SoftLimits, AHandlerThatComesTooLateIsCalledAtOnce) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply_async(make_handler_too_late, std::tuple{}, {.soft_timeout = 20ms}).get(patience), 1);
}

TEST_P(SoftLimits, AHandlerMayBeAFunctionOrAnyObjectThatCanBeCalled) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply_async(make_handlers_of_all_kinds_too_late, std::tuple{}, {.soft_timeout = 20ms})
                .get(patience),
            6);
}

TEST_P(SoftLimits, TheInnermostHandlerComesFirstAndGivesBack) {
  if (in_memory()) GTEST_SKIP() << "its workers are threads, which get no signals";
  Pool pool = make_pool(1);
  int called = 0;
  EXPECT_TRUE(comes_true_within_a_limit([&](std::chrono::milliseconds limit) {
    called = pool.apply_async(nest_handlers, std::tuple{}, {.soft_timeout = limit}).get(patience);
    return called != 0;
  }));
  EXPECT_EQ(called, 21);
}

TEST_P(SoftLimits, InAMapEachItemIsAskedForItself) {
  Pool pool = make_pool(2);
  const auto handle = pool.map_async([](int x) { return x == 3 ? sleep_for_an_hour() : x; },
                                     std::vector{0, 1, 2, 3, 4, 5}, {.soft_timeout = 100ms});
  thrown_by<SoftTimeLimitExceeded>([&] { handle.get(patience); });
  const std::vector<std::string> cleaned = {"cleaned up", "cleaned up"};
  EXPECT_EQ(
      pool.map_async([](int) { return catch_and_clean_up(); }, std::vector{0, 1}, {.soft_timeout = 50ms})
          .get(patience),
      cleaned);
}

TEST_P(SoftLimits, TheLimitOfACallAboveThePoolsHardOneIsRefused) {
  PoolOptions with_limit = options(1);
  with_limit.timeout = 1s;
  Pool pool(std::move(with_limit));
  thrown_by<std::invalid_argument>(
      [&] { pool.apply_async(tasks::nothing, std::tuple{}, {.soft_timeout = 2s}); });
}

TEST(ThisTask, OutsideOfATaskThereIsNoLimit) {
  EXPECT_FALSE(this_task::is_inside_task());
  EXPECT_EQ(this_task::job_id(), 0U);
  EXPECT_FALSE(this_task::deadline().has_value());
  EXPECT_FALSE(this_task::soft_timeout_requested());
  EXPECT_NO_THROW(this_task::check());
  const TimePoint before = Clock::now();
  EXPECT_NO_THROW(this_task::sleep_for(30ms));
  EXPECT_GE(Clock::now() - before, 30ms);
  EXPECT_NO_THROW(this_task::report_progress(0.5, "nobody listens"));
  int calls = 0;
  auto count = [&calls] { ++calls; };
  const this_task::on_soft_timeout watch(count);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace procpool::testing
