// SPDX-License-Identifier: MIT
// Workers that die: which job is lost, what its handle tells, and how the pool goes on.
#include "conformance/pool_test.hpp"
#include "helpers/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <exception>
#include <fstream>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace procpool::testing {
namespace {

using Reason = WorkerLostError::Reason;

class Deaths : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Deaths);

/// Kills the worker that reads it.
struct DeadlyToLoad {
  int number = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive(number);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(number);
    tasks::segfault();
  }
};
int number_in(DeadlyToLoad deadly) {
  return deadly.number;
}

/// Kills the worker that returns it.
struct DeadlyToSave {
  int number = 0;
  template <class Archive>
  void save(Archive& archive) const {
    tasks::segfault();
    archive(number);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(number);
  }
};
DeadlyToSave make_deadly() {
  return {};
}

int note_and_crash(std::string file) {
  tasks::append_line(file, "begun");
  return tasks::segfault();
}
int crash_every_40th(int x) {
  if (x % 40 == 7) return tasks::segfault();
  return x;
}

int lines_in(const std::string& file) {
  std::ifstream stream(file);
  int count = 0;
  for (std::string line; std::getline(stream, line);) ++count;
  return count;
}

TEST_P(Deaths, AnExitInATaskIsToldWithItsCode) {
  Pool pool = make_pool(2);
  for (const int code : {3, 0, 255}) {
    const std::vector<Pid> workers = pool.worker_pids();
    const auto handle = pool.apply_async(tasks::exit_with, code);
    const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
    EXPECT_EQ(error.reason(), Reason::exited);
    EXPECT_EQ(error.exit_status(), ExitStatus::from_code(code));
    EXPECT_NE(std::find(workers.begin(), workers.end(), error.pid()), workers.end());
    EXPECT_EQ(handle.worker_pids(), std::vector<Pid>{error.pid()});
    EXPECT_TRUE(handle.accepted());
    EXPECT_NE(std::string(error.what()).find(std::to_string(error.pid())), std::string::npos) << error.what();
    ASSERT_TRUE(is_whole(pool, 2));
  }
}

TEST_P(Deaths, ACrashIsToldWithItsStatus) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  Pool pool = make_pool(1);
  const auto segfault = thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  EXPECT_EQ(segfault.reason(), Reason::crashed);
  EXPECT_EQ(segfault.exit_status(), status_of_segfault());
  EXPECT_NE(std::string(segfault.what()).find(name_of_segfault()), std::string::npos) << segfault.what();
  EXPECT_TRUE(is_whole(pool, 1));
}

TEST_P(Deaths, ADeathByASignalIsToldWithIt) {
  if (const std::string why = no_signals(); !why.empty()) GTEST_SKIP() << why;
  Pool pool = make_pool(2);
  for (const int signum : {SIGABRT, SIGFPE, SIGILL}) {
    const auto error = thrown_by<WorkerLostError>([&] { pool.apply(tasks::die_by_signal, signum); });
    EXPECT_EQ(error.reason(), Reason::crashed) << signum;
    EXPECT_EQ(error.exit_status().signal(), signum);
  }
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, AKillFromOutsideIsToldAsThat) {
  Pool pool = make_pool(2);
  for (const int signum : {sigkill, SIGTERM}) {
    const tasks::Gate gate;
    const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 1);
    ASSERT_TRUE(gate.reached());
    const Pid worker = handle.worker_pids().at(0);
    kill_from_outside(worker, signum);
    const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
    EXPECT_EQ(error.reason(), reason_of_kill());
    EXPECT_EQ(error.exit_status(), status_of_kill(signum));
    EXPECT_EQ(error.pid(), worker);
    EXPECT_TRUE(is_whole(pool, 2));
    const std::vector<Pid> workers = pool.worker_pids();
    EXPECT_EQ(std::find(workers.begin(), workers.end(), worker), workers.end());
  }
}

TEST_P(Deaths, OnlyTheJobThatRanIsLost) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  const auto other = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  std::vector<ApplyResult<int>> before;
  for (int i = 0; i < 20; ++i) before.push_back(pool.apply_async(tasks::square, i));
  const auto crash = pool.apply_async(tasks::segfault);
  std::vector<ApplyResult<int>> after;
  for (int i = 0; i < 20; ++i) after.push_back(pool.apply_async(tasks::square, i));
  EXPECT_THROW(crash.get(patience), WorkerLostError);
  gate.open();
  EXPECT_EQ(other.get(patience), 1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(before[static_cast<std::size_t>(i)].get(patience), i * i);
    EXPECT_EQ(after[static_cast<std::size_t>(i)].get(patience), i * i);
  }
}

TEST_P(Deaths, WhatWaitedBehindACrashRunsOnTheNewWorker) {
  Pool pool = make_pool(1);
  const Pid first = pool.worker_pids().at(0);
  const auto crash = pool.apply_async(tasks::segfault);
  const std::vector<int> results = pool.map(tasks::square, std::vector<int>{1, 2, 3});
  EXPECT_EQ(results, (std::vector<int>{1, 4, 9}));
  EXPECT_THROW(crash.get(patience), WorkerLostError);
  EXPECT_NE(pool.apply(tasks::worker_pid), first);
}

TEST_P(Deaths, NothingThatHadBegunRunsTwice) {
  Pool pool = make_pool(2);
  const tasks::Gate folder;
  const std::string file = folder.path() + "/begun";
  for (int i = 0; i < 5; ++i) EXPECT_THROW(pool.apply(note_and_crash, file), WorkerLostError);
  ASSERT_TRUE(is_whole(pool, 2));
  EXPECT_EQ(lines_in(file), 5);
}

TEST_P(Deaths, AnIdleWorkerThatIsKilledLosesNothingAndIsReplaced) {
  Pool pool = make_pool(2);
  for (int round = 0; round < 3; ++round) {
    const std::vector<Pid> workers = pool.worker_pids();
    for (const Pid worker : workers) kill_from_outside(worker);
    for (const Pid worker : workers) EXPECT_TRUE(becomes_true([&] { return is_dead(worker); }));
    // Jobs that arrive while the host may not know of the deaths yet wait for the new ones.
    EXPECT_EQ(pool.apply(tasks::add, round, 1), round + 1);
    EXPECT_TRUE(is_whole(pool, 2));
  }
}

TEST_P(Deaths, ACrashInAChunkLosesThatChunk) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  Pool pool = make_pool(2);
  const auto handle = pool.map_async(crash_every_40th, std::views::iota(0, 40), {.chunksize = 10});
  const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
  EXPECT_EQ(error.reason(), Reason::crashed);
  EXPECT_FALSE(handle.successful());
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, ACrashAmongFastItemsLosesThatItemAndNoOther) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  Pool pool = make_pool(2);
  const auto crash_at = [](int x) {
    if (x == 4321) return tasks::segfault();
    return x;
  };
  const auto error = thrown_by<WorkerLostError>([&] { pool.map(crash_at, std::views::iota(0, 10'000)); });
  EXPECT_EQ(error.reason(), Reason::crashed);
  EXPECT_EQ(pool.stats().done, 9999U);
  EXPECT_EQ(pool.map(tasks::square, std::views::iota(0, 3)), (std::vector<int>{0, 1, 4}));
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, ACrashWhileArgumentsAreReadIsTheJobsOwn) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  Pool pool = make_pool(2);
  const auto error = thrown_by<WorkerLostError>([&] { pool.apply(number_in, DeadlyToLoad{1}); });
  EXPECT_EQ(error.reason(), Reason::crashed);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, ACrashWhileTheResultIsWrittenIsTheJobsOwn) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  Pool pool = make_pool(2);
  const auto error = thrown_by<WorkerLostError>([&] { pool.apply(make_deadly); });
  EXPECT_EQ(error.reason(), Reason::crashed);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, ACrashInTheExitTaskKeepsNobodyFromLeaving) {
  PoolOptions with = options(2);
  with.on_process_exit = [](Pid, int) { tasks::segfault(); };
  Pool pool(std::move(with));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  pool.close();
  EXPECT_TRUE(pool.join(patience));
}

void die_while_young(const std::string& file) {
  if (lines_in(file) < 3) {
    tasks::append_line(file, "one more");
    tasks::segfault();
  }
}

TEST_P(Deaths, AnInitializerThatCrashesAFewTimesIsTriedAgain) {
  const tasks::Gate folder;
  PoolOptions with = options(1);
  with.initializer = task(die_while_young, folder.path() + "/tries");
  Pool pool(std::move(with));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_EQ(lines_in(folder.path() + "/tries"), 3);
}

TEST_P(Deaths, AnInitializerThatAlwaysCrashesEndsThePoolWithAnError) {
  PoolOptions with = options(2);
  with.initializer = task([] { tasks::segfault(); });
  Pool pool(std::move(with));
  // Whether it was submitted before the pool gave up, or after.
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), RestartFreqExceeded);
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), RestartFreqExceeded);
  pool.close();
  EXPECT_TRUE(pool.join(patience));
}

TEST_P(Deaths, AnInitializerThatAlwaysThrowsEndsThePoolWithItsError) {
  PoolOptions with = options(2);
  with.initializer = task([] { throw std::out_of_range("no such device"); });
  Pool pool(std::move(with));
  for (int i = 0; i < 2; ++i) {
    try {
      pool.apply(tasks::add, 1, 2);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("no such device"), std::string::npos) << error.what();
      EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
    }
  }
}

TEST_P(Deaths, WorkersThatDieBetweenJobsForEverEndThePoolWithAnError) {
  PoolOptions with = options(1);
  with.max_restarts = 2;
  with.max_restart_freq = std::chrono::hours(1);
  Pool pool(std::move(with));
  for (int i = 0; i < 3; ++i) {
    // Each is up before it is killed, and has done nothing.
    ASSERT_TRUE(becomes_true([&] { return pool.worker_pids().size() == 1; }));
    const Pid worker = pool.worker_pids().at(0);
    kill_from_outside(worker);
    ASSERT_TRUE(becomes_true([&] { return pool.worker_pids() != std::vector<Pid>{worker}; }));
  }
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), RestartFreqExceeded);
}

TEST_P(Deaths, AnyNumberOfCrashingJobsIsSurvived) {
  PoolOptions with = options(2);
  with.max_restarts = 5;
  with.max_restart_freq = std::chrono::hours(1);
  Pool pool(std::move(with));
  for (int i = 0; i < 30; ++i) EXPECT_THROW(pool.apply(tasks::exit_with, 1), WorkerLostError);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Deaths, FiftyCrashesAmongTwoThousandJobsEachSettleOnceAndRight) {
  if (const auto reason = no_status_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  constexpr int count = 2000;
  static std::array<std::atomic<int>, count> told{};
  for (auto& times : told) times = 0;
  std::atomic<int> wrong{0};
  Pool pool = make_pool(3);
  std::vector<ApplyResult<int>> handles;
  for (int i = 0; i < count; ++i) {
    handles.push_back(pool.apply_async(crash_every_40th, std::tuple{i},
                                       {.callback =
                                            [&, i](const int& value) {
                                              ++told[static_cast<std::size_t>(i)];
                                              if (value != i || i % 40 == 7) ++wrong;
                                            },
                                        .error_callback =
                                            [&, i](std::exception_ptr) {
                                              ++told[static_cast<std::size_t>(i)];
                                              if (i % 40 != 7) ++wrong;
                                            }}));
  }
  for (int i = 0; i < count; ++i) {
    const auto& handle = handles[static_cast<std::size_t>(i)];
    if (i % 40 == 7) {
      const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
      EXPECT_EQ(error.exit_status(), status_of_segfault());
    } else {
      EXPECT_EQ(handle.get(patience), i);
    }
  }
  EXPECT_TRUE(is_whole(pool, 3));
  pool.close();
  pool.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(std::count(told.begin(), told.end(), 1), count);
}

TEST_P(Deaths, AWorkerThatScribblesOnItsChannelLosesItsJobAlone) {
  if (in_memory() && under_thread_sanitizer)
    GTEST_SKIP() << "a thread that scribbles is a data race by nature";
  Pool pool = make_pool(2);
  for (std::uint32_t seed = 0; seed < 5; ++seed) {
    const tasks::Gate gate;
    const auto other = pool.apply_async(tasks::wait_at, gate.path(), 1);
    ASSERT_TRUE(gate.reached());
    const auto handle = pool.apply_async(tasks::scribble_and_hang, seed);
    std::vector<ApplyResult<int>> behind;
    for (int i = 0; i < 10; ++i) behind.push_back(pool.apply_async(tasks::square, i));
    const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
    EXPECT_EQ(error.reason(), Reason::protocol_violation) << error.what();
    gate.open();
    EXPECT_EQ(other.get(patience), 1);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(behind[static_cast<std::size_t>(i)].get(patience), i * i);
    EXPECT_TRUE(is_whole(pool, 2));
  }
}

}  // namespace
}  // namespace procpool::testing
