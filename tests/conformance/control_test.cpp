// SPDX-License-Identifier: MIT
// Jobs that are cancelled, terminated and discarded; pools that grow, shrink and start anew.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Control : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Control);

/// Computes for so many microseconds.
int run_for(int microseconds) {
  const TimePoint end = Clock::now() + std::chrono::microseconds(microseconds);
  while (Clock::now() < end) {
  }
  return microseconds;
}
std::set<Pid> pids_of(const Pool& pool) {
  const auto pids = pool.worker_pids();
  return {pids.begin(), pids.end()};
}

/// A pool of one whose worker is held at a gate.
struct BusyPool {
  explicit BusyPool(PoolOptions options) : pool(std::move(options)) {
    running = pool.apply_async(tasks::wait_at, gate.path(), 1);
    if (!gate.reached()) throw std::logic_error("the task did not begin");
  }
  [[nodiscard]] std::string trace() const { return gate.path() + "/trace"; }
  [[nodiscard]] bool has_trace() const { return std::filesystem::exists(trace()); }

  tasks::Gate gate;
  Pool pool;
  ApplyResult<int> running;
};

TEST_P(Control, AJobThatWaitsCanBeCancelledAndNeverRuns) {
  BusyPool busy(options(1));
  auto waiting = busy.pool.apply_async(tasks::leave_a_trace, busy.trace());
  const auto behind = busy.pool.apply_async(tasks::add, 2, 3);
  EXPECT_TRUE(waiting.cancel());
  EXPECT_TRUE(waiting.ready());
  thrown_by<Terminated>([&] { waiting.get(patience); });
  EXPECT_FALSE(waiting.accepted());
  EXPECT_FALSE(waiting.cancel()) << "it has settled";
  busy.gate.open();
  EXPECT_EQ(busy.running.get(patience), 1);
  EXPECT_EQ(behind.get(patience), 5);
  EXPECT_FALSE(busy.has_trace());
}

TEST_P(Control, AJobThatRunsCannotBeCancelled) {
  BusyPool busy(options(1));
  EXPECT_FALSE(busy.running.cancel());
  EXPECT_FALSE(busy.running.ready());
  busy.gate.open();
  EXPECT_EQ(busy.running.get(patience), 1);
  EXPECT_FALSE(busy.running.cancel());
  EXPECT_EQ(busy.running.get(patience), 1);
}

TEST_P(Control, AMapIsCancelledAsAWholeOrNotAtAll) {
  BusyPool busy(options(1));
  auto waiting = busy.pool.map_async(tasks::square, std::vector{1, 2, 3}, {.chunksize = 1});
  EXPECT_TRUE(waiting.cancel());
  thrown_by<Terminated>([&] { waiting.get(patience); });
  const tasks::Gate gate;
  busy.gate.open();
  auto begun = busy.pool.starmap_async(tasks::wait_at,
                                       std::vector{std::tuple{gate.path(), 1}, std::tuple{gate.path(), 2}});
  ASSERT_TRUE(gate.reached());
  EXPECT_FALSE(begun.cancel());
  gate.open();
  EXPECT_EQ(begun.get(patience), (std::vector{1, 2}));
}

TEST_P(Control, CancelOrRunAndNothingInBetween) {
  Pool pool = make_pool(2);
  const tasks::Gate folder;
  int cancelled = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string file = folder.path() + "/" + std::to_string(i);
    auto handle = pool.apply_async(tasks::leave_a_trace, file);
    if (handle.cancel()) {
      ++cancelled;
      thrown_by<Terminated>([&] { handle.get(patience); });
    } else {
      EXPECT_EQ(handle.get(patience), 1);
    }
    EXPECT_EQ(std::filesystem::exists(file), handle.successful()) << i;
  }
  RecordProperty("cancelled", cancelled);
}

TEST_P(Control, AJobThatRunsCanBeTerminated) {
  PoolOptions few_restarts = options(2);
  few_restarts.max_restarts = 0;
  BusyPool busy(std::move(few_restarts));
  const Pid worker = busy.running.worker_pids().at(0);
  busy.running.terminate(SIGINT);
  const auto error = thrown_by<Terminated>([&] { busy.running.get(patience); });
  EXPECT_EQ(error.signal(), SIGINT);
  EXPECT_TRUE(is_whole(busy.pool, 2));
  EXPECT_FALSE(pids_of(busy.pool).contains(worker));
}

TEST_P(Control, ATaskThatBlocksAllSignalsCanBeTerminated) {
  Mailbox<Pid> begun;
  Pool pool = make_pool(1);
  auto handle = pool.apply_async(tasks::spin_with_signals_blocked, std::tuple{},
                                 {.accept_callback = [&](Pid pid, TimePoint) { begun.put(pid); }});
  begun.first(1);
  handle.terminate();
  EXPECT_EQ(thrown_by<Terminated>([&] { handle.get(patience); }).signal(), SIGTERM);
  EXPECT_TRUE(is_whole(pool, 1));
}

TEST_P(Control, AJobThatWaitsCanBeTerminatedAndNoOtherIsHit) {
  BusyPool busy(options(1));
  const Pid worker = busy.running.worker_pids().at(0);
  auto waiting = busy.pool.apply_async(tasks::leave_a_trace, busy.trace());
  waiting.terminate();
  thrown_by<Terminated>([&] { waiting.get(patience); });
  busy.gate.open();
  EXPECT_EQ(busy.running.get(patience), 1);
  busy.running.terminate();
  EXPECT_EQ(busy.running.get(patience), 1) << "it has settled";
  EXPECT_EQ(busy.pool.worker_pids(), std::vector<Pid>{worker});
  EXPECT_FALSE(busy.has_trace());
}

TEST_P(Control, AJobThatEndsAsItIsTerminatedTakesNoOtherAlong) {
  Pool pool = make_pool(1);
  int terminated = 0;
  for (int i = 0; i < 400; ++i) {
    auto ending = pool.apply_async(run_for, i % 40);
    const auto next = pool.apply_async(run_for, 200);
    // Between 0 and 80 us, about when the first has ended and the second has begun.
    run_for(i % 9 * 10);
    ending.terminate();
    EXPECT_EQ(next.get(patience), 200);
    try {
      EXPECT_EQ(ending.get(patience), i % 40);
    } catch (const Terminated&) {
      ++terminated;
    }
  }
  RecordProperty("terminated", terminated);
}

TEST_P(Control, WhatIsStoppedBeforeItBeganWaitsNoMore) {
  BusyPool busy(options(1));
  std::vector<ApplyResult<int>> waiting;
  for (int i = 0; i < 600; ++i) waiting.push_back(busy.pool.apply_async(tasks::square, i));
  const std::size_t first =
      waiting.size();  // of those that will be stopped, behind what their worker has room for
  for (int i = 0; i < 600; ++i) waiting.push_back(busy.pool.apply_async(tasks::square, i));
  EXPECT_EQ(busy.pool.stats().queued, waiting.size());
  for (std::size_t i = first; i < waiting.size(); i += 3) {
    EXPECT_TRUE(waiting[i].cancel());
    waiting[i + 1].terminate();
    waiting[i + 2].discard();
  }
  EXPECT_EQ(busy.pool.stats().queued, first);
  busy.gate.open();
  EXPECT_EQ(waiting[first - 1].get(patience), 599 * 599);
}

TEST_P(Control, WhatWaitsBehindATerminatedJobIsDone) {
  BusyPool busy(options(1));
  std::vector<ApplyResult<int>> behind;
  for (int i = 0; i < 20; ++i) behind.push_back(busy.pool.apply_async(tasks::square, i));
  busy.running.terminate();
  thrown_by<Terminated>([&] { busy.running.get(patience); });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(behind[static_cast<std::size_t>(i)].get(patience), i * i);
}

TEST_P(Control, ADiscardedJobGivesNothingAndDisturbsNobody) {
  Mailbox<int> values;
  BusyPool busy(options(1));
  auto waiting = busy.pool.apply_async(tasks::leave_a_trace, std::tuple{busy.trace()},
                                       {.callback = [&](const int& value) { values.put(value); }});
  const auto behind = busy.pool.apply_async(tasks::add, 2, 3);
  busy.running.discard();
  waiting.discard();
  thrown_by<Terminated>([&] { busy.running.get(patience); });
  thrown_by<Terminated>([&] { waiting.get(patience); });
  const std::set<Pid> workers = pids_of(busy.pool);
  busy.gate.open();
  EXPECT_EQ(behind.get(patience), 5);
  EXPECT_EQ(pids_of(busy.pool), workers);
  EXPECT_FALSE(busy.has_trace());
  busy.pool.close();
  busy.pool.join();
  EXPECT_TRUE(values.all().empty());
}

TEST_P(Control, TerminateJobStopsTheJobOfThatWorker) {
  BusyPool busy(options(2));
  const Pid worker = busy.running.worker_pids().at(0);
  busy.pool.terminate_job(worker, SIGABRT);
  EXPECT_EQ(thrown_by<Terminated>([&] { busy.running.get(patience); }).signal(), SIGABRT);
  EXPECT_TRUE(is_whole(busy.pool, 2));
}

TEST_P(Control, TerminateJobOfAnIdleWorkerReplacesIt) {
  PoolOptions few_restarts = options(2);
  few_restarts.max_restarts = 0;
  Pool pool(std::move(few_restarts));
  ASSERT_TRUE(is_whole(pool, 2));
  const Pid worker = pool.worker_pids().at(0);
  pool.terminate_job(worker);
  EXPECT_TRUE(becomes_true([&] { return !pids_of(pool).contains(worker) && pids_of(pool).size() == 2; }));
  EXPECT_EQ(pool.stats().lost, 0U);
}

TEST_P(Control, TerminateJobOfAForeignProcessNamesIt) {
  Pool pool = make_pool(1);
  // No process can have the first of these; 1 is the system's, and 0 and -1 mean many to kill(2).
  for (const Pid foreign : {2'000'000'000, 1, 0, -1}) {
    const auto error = thrown_by<std::invalid_argument>([&] { pool.terminate_job(foreign); });
    EXPECT_NE(std::string(error.what()).find(std::to_string(foreign)), std::string::npos) << error.what();
  }
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(Control, APoolGrows) {
  Pool pool = make_pool(1);
  pool.grow(2);
  EXPECT_EQ(pool.size(), 3U);
  EXPECT_TRUE(is_whole(pool, 3));
  pool.grow();
  EXPECT_TRUE(is_whole(pool, 4));
}

TEST_P(Control, APoolShrinksAndNoJobIsLost) {
  Pool pool = make_pool(3);
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> running;
  for (int i = 0; i < 3; ++i) running.push_back(pool.apply_async(tasks::wait_at, gate.path(), i));
  ASSERT_TRUE(gate.reached(3));
  std::vector<ApplyResult<int>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(pool.apply_async(tasks::square, i));
  pool.shrink(2);
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_TRUE(becomes_true([&] { return pool.worker_pids().size() == 1; }));
  gate.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(running[static_cast<std::size_t>(i)].get(patience), i);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].get(patience), i * i);
  EXPECT_TRUE(is_whole(pool, 1));
  pool.grow(1);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Control, AnIdleWorkerGoesBeforeABusyOne) {
  BusyPool busy(options(2));
  const Pid worker = busy.running.worker_pids().at(0);
  busy.pool.shrink();
  EXPECT_TRUE(becomes_true([&] { return pids_of(busy.pool) == std::set<Pid>{worker}; }));
  busy.gate.open();
  EXPECT_EQ(busy.running.get(patience), 1);
  EXPECT_EQ(busy.pool.apply(tasks::worker_pid), worker);
}

TEST_P(Control, APoolKeepsOneWorkerAtLeastAndNoAbsurdNumber) {
  Pool pool = make_pool(2);
  const auto shrunk = thrown_by<std::invalid_argument>([&] { pool.shrink(2); });
  EXPECT_NE(std::string(shrunk.what()).find("shrink(2)"), std::string::npos) << shrunk.what();
  thrown_by<std::invalid_argument>([&] { pool.shrink(3); });
  thrown_by<std::invalid_argument>([&] { pool.grow(~std::size_t{0}); });
  EXPECT_EQ(pool.size(), 2U);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Control, RestartReplacesEveryWorkerAndLosesNoJob) {
  PoolOptions restartable = options(2);
  restartable.allow_restart = true;
  BusyPool busy(std::move(restartable));
  const std::set<Pid> before = pids_of(busy.pool);
  std::vector<ApplyResult<int>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(busy.pool.apply_async(tasks::square, i));
  busy.pool.restart();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].get(patience), i * i);
  busy.gate.open();
  EXPECT_EQ(busy.running.get(patience), 1);
  EXPECT_TRUE(is_whole(busy.pool, 2));
  for (const Pid pid : pids_of(busy.pool)) EXPECT_FALSE(before.contains(pid)) << pid;
  EXPECT_EQ(busy.pool.stats().restarts, 2U);
}

TEST_P(Control, WhatIsSubmittedAfterARestartRunsOnNewWorkers) {
  PoolOptions restartable = options(2);
  restartable.allow_restart = true;
  Pool pool(std::move(restartable));
  ASSERT_TRUE(is_whole(pool, 2));
  for (int round = 0; round < 5; ++round) {
    const std::set<Pid> before = pids_of(pool);
    pool.restart();
    std::vector<ApplyResult<Pid>> later;
    for (int i = 0; i < 20; ++i) later.push_back(pool.apply_async(tasks::worker_pid));
    for (const auto& result : later) EXPECT_FALSE(before.contains(result.get(patience)));
    EXPECT_TRUE(is_whole(pool, 2));
  }
}

TEST_P(Control, RestartHasToBeAllowed) {
  Pool pool = make_pool(1);
  const auto error = thrown_by<std::logic_error>([&] { pool.restart(); });
  EXPECT_NE(std::string(error.what()).find("allow_restart"), std::string::npos) << error.what();
}

TEST_P(Control, AClosedPoolIsNotChangedAnyMore) {
  PoolOptions restartable = options(2);
  restartable.allow_restart = true;
  Pool pool(std::move(restartable));
  pool.close();
  thrown_by<PoolClosedError>([&] { pool.grow(); });
  thrown_by<PoolClosedError>([&] { pool.shrink(); });
  thrown_by<PoolClosedError>([&] { pool.restart(); });
  pool.join();
}

TEST_P(Control, JobsMayBeStoppedFromCallbacks) {
  Mailbox<bool> cancelled;
  std::vector<ApplyResult<int>> waiting;
  BusyPool busy(options(1));
  for (int i = 0; i < 3; ++i) waiting.push_back(busy.pool.apply_async(tasks::hang));
  const auto trigger = busy.pool.apply_async(tasks::wait_at, std::tuple{busy.gate.path(), 2},
                                             {.error_callback = [&](std::exception_ptr) {
                                               cancelled.put(waiting[0].cancel());
                                               waiting[1].terminate();
                                               waiting[2].discard();
                                               busy.running.terminate();
                                             }});
  ApplyResult<int>(trigger).discard();
  EXPECT_EQ(cancelled.first(1), std::vector<bool>{true});
  for (const auto& handle : waiting) thrown_by<Terminated>([&] { handle.get(patience); });
  thrown_by<Terminated>([&] { busy.running.get(patience); });
  EXPECT_TRUE(is_whole(busy.pool, 1));
}

TEST_P(Control, SubmissionWaitsWhileTheQueueIsFull) {
  PoolOptions limited = options(1);
  limited.max_queued_jobs = 2;
  BusyPool busy(std::move(limited));
  const auto second = busy.pool.apply_async(tasks::square, 2);
  std::atomic<bool> submitted{false};
  std::thread submitter([&] {
    const auto third = busy.pool.apply_async(tasks::square, 3);
    submitted = true;
    EXPECT_EQ(third.get(patience), 9);
  });
  // That it waits can only be seen by giving it time not to.
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(submitted);
  busy.gate.open();
  submitter.join();
  EXPECT_TRUE(submitted);
  EXPECT_EQ(second.get(patience), 4);
  EXPECT_EQ(pids_of(busy.pool).size(), 1U);
}

TEST_P(Control, TheEndOfThePoolWakesWhoWaitsToSubmit) {
  PoolOptions limited = options(1);
  limited.max_queued_jobs = 1;
  BusyPool busy(std::move(limited));
  std::thread submitter(
      [&] { thrown_by<PoolClosedError>([&] { busy.pool.apply_async(tasks::square, 3); }); });
  // Gives it time to wait; it is refused all the same if it comes too late.
  std::this_thread::sleep_for(50ms);
  busy.pool.terminate();
  submitter.join();
  EXPECT_TRUE(busy.pool.join(patience));
}

}  // namespace
}  // namespace procpool::testing
