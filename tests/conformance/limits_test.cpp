// SPDX-License-Identifier: MIT
// Hard time limits: what is killed, when, and what is not.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Limits : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Limits);

int sleep_and_return(std::chrono::milliseconds::rep milliseconds, int value) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return value;
}
int hang_at_5(int x) {
  return x == 5 ? tasks::hang() : x;
}
int take_ms(int milliseconds) {
  in_memory::check_alive();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return milliseconds;
}
int start_a_child_and_hang(std::string file) {
  tasks::append_line(file, std::to_string(tasks::spawn_grandchild()));
  return tasks::hang();
}
/// How far away the deadline is; -1 without one.
std::int64_t left_until_deadline() {
  const auto deadline = this_task::deadline();
  return deadline ? std::chrono::duration_cast<std::chrono::nanoseconds>(*deadline - Clock::now()).count()
                  : -1;
}

template <class Range>
std::vector<std::string> outcomes(ResultIterator<int> results, const Range& input) {
  std::vector<std::string> told;
  for (std::size_t i = 0; i < input.size(); ++i) {
    try {
      const auto value = results.next(patience);
      told.push_back(value ? std::to_string(*value) : "end");
    } catch (const TimeLimitExceeded&) {
      told.push_back("limit");
    }
  }
  return told;
}

std::vector<int> up_to(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

TEST_P(Limits, AJobThatRunsTooLongFailsAndItsWorkerIsReplaced) {
  PoolOptions with_limit = options(2);
  with_limit.timeout = 100ms;
  Pool pool(std::move(with_limit));
  const TimePoint before = Clock::now();
  const auto handle = pool.apply_async(tasks::hang);
  const auto error = thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  EXPECT_GE(Clock::now() - before, 100ms);
  const Pid worker = handle.worker_pids().at(0);
  EXPECT_NE(std::string(error.what()).find("0.1"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find(std::to_string(worker)), std::string::npos) << error.what();
  EXPECT_FALSE(handle.successful());
  // Each gate of is_whole has to fit into the limit as well, so look at the pids alone.
  EXPECT_TRUE(becomes_true([&] { return pool.worker_pids().size() == 2; }));
  const auto pids = pool.worker_pids();
  EXPECT_EQ(std::count(pids.begin(), pids.end(), worker), 0);
  EXPECT_EQ(pool.apply_async(tasks::add, std::tuple{2, 3}, {.timeout = patience}).get(patience), 5);
}

TEST_P(Limits, TheHardLimitNeedsNoCooperation) {
  Pool pool = make_pool(2);
  const auto handle = pool.apply_async(tasks::spin_with_signals_blocked, std::tuple{}, {.timeout = 100ms});
  thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Limits, AJobSettlesOnlyWhenItsProcessIsDead) {
  if (in_memory()) GTEST_SKIP() << "its workers are no processes";
  Pool pool = make_pool(2);
  for (int i = 0; i < 10; ++i) {
    const auto handle = pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 20ms});
    thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
    EXPECT_TRUE(tasks::is_gone(handle.worker_pids().at(0)));
  }
}

TEST_P(Limits, WhatATaskHasStartedIsKilledWithIt) {
  if (in_memory()) GTEST_SKIP() << "its workers start no processes";
  const tasks::Gate folder;
  const std::string file = folder.path() + "/child";
  Pool pool = make_pool(1);
  Pid child = 0;
  ASSERT_TRUE(comes_true_within_a_limit([&](std::chrono::milliseconds limit) {
    const auto handle = pool.apply_async(start_a_child_and_hang, std::tuple{file}, {.timeout = limit});
    thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
    return static_cast<bool>(std::ifstream(file) >> child);
  }));
  EXPECT_TRUE(tasks::goes_away(child));
}

TEST_P(Limits, NoOtherJobIsHit) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  const auto beside = pool.apply_async(tasks::wait_at, gate.path(), 7);
  ASSERT_TRUE(gate.reached());
  const Pid other_worker = beside.worker_pids().at(0);
  std::vector<ApplyResult<int>> over;
  std::vector<ApplyResult<int>> behind;
  for (int i = 0; i < 5; ++i) {
    over.push_back(pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 30ms}));
    for (int k = 0; k < 20; ++k) behind.push_back(pool.apply_async(tasks::square, k));
  }
  for (const auto& handle : over) thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  for (std::size_t i = 0; i < behind.size(); ++i) {
    const int k = static_cast<int>(i % 20);
    EXPECT_EQ(behind[i].get(patience), k * k);
  }
  gate.open();
  EXPECT_EQ(beside.get(patience), 7);
  EXPECT_EQ(beside.worker_pids(), std::vector<Pid>{other_worker});
}

TEST_P(Limits, TheLimitOfACallGoesBeforeThatOfThePool) {
  PoolOptions with_limit = options(1);
  with_limit.timeout = 20ms;
  Pool pool(std::move(with_limit));
  EXPECT_EQ(pool.apply_async(sleep_and_return, std::tuple{200, 4}, {.timeout = patience}).get(patience), 4);
  thrown_by<TimeLimitExceeded>([&] { pool.apply(tasks::hang); });
}

TEST_P(Limits, TimeInTheQueueDoesNotCount) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto first = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  std::vector<ApplyResult<int>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(pool.apply_async(tasks::square, std::tuple{i}, {.timeout = 1s}));
  }
  std::this_thread::sleep_for(1500ms);
  gate.open();
  EXPECT_EQ(first.get(patience), 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].get(patience), i * i);
}

TEST_P(Limits, ATaskThatFinishesRightAtItsLimitHasOneOutcome) {
  std::deque<Mailbox<std::string>> mailboxes;
  Pool pool = make_pool(1);
  int finished = 0;
  for (int i = 0; i < 40; ++i) {
    Mailbox<std::string>& told = mailboxes.emplace_back();
    const auto racing = pool.apply_async(sleep_and_return, std::tuple{3 + i % 3, i},
                                         {.callback = [&](const int&) { told.put("value"); },
                                          .error_callback = [&](std::exception_ptr) { told.put("error"); },
                                          .timeout = 4ms});
    const auto next = pool.apply_async(tasks::square, i);
    bool value = true;
    try {
      EXPECT_EQ(racing.get(patience), i);
      ++finished;
    } catch (const TimeLimitExceeded&) {
      value = false;
    }
    EXPECT_EQ(next.get(patience), i * i);
    EXPECT_EQ(told.first(1).front(), value ? "value" : "error");
    EXPECT_EQ(told.all().size(), 1U);
  }
  RecordProperty("finished", finished);
  EXPECT_TRUE(is_whole(pool, 1));
}

TEST_P(Limits, ManyLimitsInARowAreNoCrashLoop) {
  PoolOptions few_restarts = options(2);
  few_restarts.max_restarts = 1;
  few_restarts.max_restart_freq = 1h;
  Pool pool(std::move(few_restarts));
  for (int i = 0; i < 6; ++i) {
    const auto handle = pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 10ms});
    thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  }
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Limits, InAMapEachItemHasALimitOfItsOwn) {
  Pool pool = make_pool(1);
  EXPECT_TRUE(comes_true_within_a_limit([&](std::chrono::milliseconds limit) {
    // Together the items take twice the limit.
    const std::vector<int> items(50, static_cast<int>(limit.count() / 25));
    try {
      return pool.map_async(take_ms, items, {.timeout = limit}).get(patience) == items;
    } catch (const TimeLimitExceeded&) {
      return false;
    }
  }));
}

TEST_P(Limits, WithAChunksizeEachChunkHasTheLimit) {
  Pool pool = make_pool(1);
  const auto handle = pool.map_async(take_ms, std::vector<int>(50, 20), {.chunksize = 50, .timeout = 500ms});
  thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
}

TEST_P(Limits, AnItemThatHangsFailsAlone) {
  PoolOptions with_limit = options(2);
  with_limit.timeout = 2s;
  Pool pool(std::move(with_limit));
  const std::vector<std::string> wanted{"0", "1", "2", "3", "4", "limit", "6", "7"};
  const std::vector<int> input = up_to(8);
  EXPECT_EQ(outcomes(pool.imap(hang_at_5, input), input), wanted);
  thrown_by<TimeLimitExceeded>([&] { pool.map(hang_at_5, input); });
  EXPECT_EQ(pool.map(hang_at_5, up_to(5)), up_to(5));
}

TEST_P(Limits, AChunkThatHangsFailsAsAWhole) {
  PoolOptions with_limit = options(2);
  with_limit.timeout = 2s;
  Pool pool(std::move(with_limit));
  const std::vector<std::string> wanted{"0", "1", "2", "3", "limit", "limit", "6", "7"};
  const std::vector<int> input = up_to(8);
  EXPECT_EQ(outcomes(pool.imap(hang_at_5, input, 2), input), wanted);
}

TEST_P(Limits, TheCallerIsToldOfTheLimit) {
  Mailbox<std::pair<bool, Duration>> told;
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(tasks::hang, std::tuple{},
                                       {.timeout_callback =
                                            [&](bool soft, Duration limit) {
                                              told.put({soft, limit});
                                            },
                                        .soft_timeout = 50ms,
                                        .timeout = 250ms});
  thrown_by<TimeLimitExceeded>([&] { handle.get(patience); });
  pool.close();
  pool.join();
  const std::vector<std::pair<bool, Duration>> wanted{{true, 50ms}, {false, 250ms}};
  EXPECT_EQ(told.all(), wanted);
}

TEST_P(Limits, ATaskKnowsItsDeadline) {
  Pool pool = make_pool(1);
  const auto left = [&](std::optional<Duration> soft, std::optional<Duration> hard) {
    return pool.apply_async(left_until_deadline, std::tuple{}, {.soft_timeout = soft, .timeout = hard})
        .get(patience);
  };
  EXPECT_EQ(left({}, {}), -1);
  using SoftAndHard = std::pair<std::optional<Duration>, std::optional<Duration>>;
  for (const auto& [soft, hard] : {SoftAndHard{{}, 1h}, SoftAndHard{1h, {}}, SoftAndHard{1s, 1h}}) {
    const std::chrono::nanoseconds time(left(soft, hard));
    EXPECT_LE(time, 1h);
    EXPECT_GT(time, 59min);
  }
}

TEST_P(Limits, LimitsThatMakeNoSenseAreRefusedByName) {
  Pool pool = make_pool(1);
  const auto refused = [&](std::optional<Duration> soft, std::optional<Duration> hard,
                           const std::string& field) {
    const auto by_call = thrown_by<std::invalid_argument>(
        [&] { pool.apply_async(tasks::nothing, std::tuple{}, {.soft_timeout = soft, .timeout = hard}); });
    EXPECT_NE(std::string(by_call.what()).find(field), std::string::npos) << by_call.what();
    const auto by_map = thrown_by<std::invalid_argument>(
        [&] { pool.map_async(tasks::square, up_to(3), {.soft_timeout = soft, .timeout = hard}); });
    EXPECT_NE(std::string(by_map.what()).find(field), std::string::npos) << by_map.what();
    PoolOptions wrong = options(1);
    wrong.soft_timeout = soft;
    wrong.timeout = hard;
    const auto by_pool = thrown_by<std::invalid_argument>([&] { Pool never(wrong); });
    EXPECT_NE(std::string(by_pool.what()).find("PoolOptions::" + field), std::string::npos) << by_pool.what();
  };
  refused({}, 0s, "timeout");
  refused({}, -1s, "timeout");
  refused(0s, {}, "soft_timeout");
  refused(-1ns, 1s, "soft_timeout");
  refused(2s, 1s, "soft_timeout");
  EXPECT_EQ(pool.apply(tasks::add, 1, 1), 2);
}

}  // namespace
}  // namespace procpool::testing
