// SPDX-License-Identifier: MIT
// What a pool tells its host about workers, and what the host may ask.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Hooks : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Hooks);

/// Where the exit task writes: a task is a function, and the test has to tell it the file.
struct NoteExit {
  std::string file;
  void operator()(Pid pid, int code) const {
    tasks::append_line(file, std::to_string(pid) + " " + std::to_string(code));
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(file);
  }
};

std::map<Pid, int> exits_in(const std::string& file) {
  std::map<Pid, int> exits;
  std::ifstream stream(file);
  Pid pid = 0;
  int code = 0;
  while (stream >> pid >> code) exits[pid] = code;
  return exits;
}
int keep_busy() {
  const TimePoint end = Clock::now() + 50ms;
  while (Clock::now() < end) {
  }
  return 1;
}

TEST_P(Hooks, EveryWorkersStartAndEndIsTold) {
  Mailbox<WorkerInfo> up;
  Mailbox<std::pair<WorkerInfo, ExitStatus>> down;
  PoolOptions hooked = options(2);
  hooked.on_process_up = [&](WorkerInfo worker) { up.put(worker); };
  hooked.on_process_down = [&](WorkerInfo worker, ExitStatus status) { down.put({worker, status}); };
  Pool pool(std::move(hooked));
  std::set<Pid> told;
  for (const WorkerInfo& worker : up.first(2)) told.insert(worker.pid);
  const auto pids = pool.worker_pids();
  EXPECT_EQ(told, std::set<Pid>(pids.begin(), pids.end()));

  const auto handle = pool.apply_async(tasks::exit_with, 7);
  thrown_by<WorkerLostError>([&] { handle.get(patience); });
  const auto [worker, status] = down.first(1).front();
  EXPECT_EQ(worker.pid, handle.worker_pids().at(0));
  EXPECT_EQ(status, ExitStatus::from_code(7));
  EXPECT_TRUE(told.contains(worker.pid));
  const std::vector<WorkerInfo> all_up = up.first(3);
  EXPECT_NE(all_up[2].id, worker.id);
  EXPECT_NE(all_up[2].id, 0U);

  pool.close();
  pool.join();
  EXPECT_EQ(down.all().size(), 3U);
  EXPECT_EQ(up.all().size(), 3U);
}

TEST_P(Hooks, AHookThatThrowsIsReportedAndDoesNoHarm) {
  Mailbox<std::string> reported;
  PoolOptions hooked = options(1);
  hooked.on_process_down = [](WorkerInfo, ExitStatus) { throw std::runtime_error("from the hook"); };
  Pool pool(std::move(hooked));
  pool.on_callback_error([&](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      reported.put(thrown.what());
    }
  });
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::exit_with, 7); });
  EXPECT_EQ(reported.first(1).front(), "from the hook");
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(Hooks, TheExitTaskRunsInEveryWorkerThatEndsInGoodOrder) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/exits";
  PoolOptions hooked = options(1);
  hooked.max_tasks_per_child = 1;
  hooked.on_process_exit = NoteExit{file};
  Pool pool(std::move(hooked));
  std::set<Pid> workers;
  for (int i = 0; i < 3; ++i) workers.insert(pool.apply(tasks::worker_pid));
  pool.close();
  pool.join();
  if (in_memory()) GTEST_SKIP() << "its workers have no pids of their own to tell";
  const std::map<Pid, int> exits = exits_in(file);
  EXPECT_GE(exits.size(), 3U);
  for (const Pid worker : workers) {
    ASSERT_TRUE(exits.contains(worker)) << worker;
    EXPECT_EQ(exits.at(worker), 0);
  }
}

struct LongExit {
  std::string text;
  void operator()(Pid, int) const {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};

TEST_P(Hooks, WhatAWorkerIsGivenFirstMayBeLong) {
  PoolOptions hooked = options(2);
  const std::string text(std::size_t{3} << 20U, 'x');
  hooked.on_process_exit = LongExit{text};
  hooked.initializer = task([](const std::string& given) { return given.size(); }, text);
  Pool pool(std::move(hooked));
  const auto handle = pool.apply_async(tasks::add, 1, 2);
  EXPECT_EQ(handle.get(patience), 3);
  pool.close();
  EXPECT_TRUE(pool.join(patience));
}

TEST_P(Hooks, LossesAreLogged) {
  Mailbox<std::string> log;
  PoolOptions hooked = options(1);
  hooked.on_log = [&](const std::string& message) { log.put(message); };
  Pool pool(std::move(hooked));
  const auto handle = pool.apply_async(tasks::exit_with, 7);
  thrown_by<WorkerLostError>([&] { handle.get(patience); });
  const std::string message = log.first(1).front();
  EXPECT_NE(message.find(std::to_string(handle.worker_pids().at(0))), std::string::npos) << message;
  EXPECT_NE(message.find("exit code 7"), std::string::npos) << message;
}

TEST_P(Hooks, APoolThatDoesWellLogsNothing) {
  Mailbox<std::string> log;
  PoolOptions hooked = options(2);
  hooked.max_tasks_per_child = 2;
  hooked.on_log = [&](const std::string& message) { log.put(message); };
  Pool pool(std::move(hooked));
  pool.map(tasks::square, std::vector<int>(20));
  thrown_by<TimeLimitExceeded>(
      [&] { pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 20ms}).get(patience); });
  pool.close();
  pool.join();
  EXPECT_EQ(log.all(), std::vector<std::string>{});
}

TEST_P(Hooks, StatsCountWhatWaitsRunsAndIsDone) {
  Pool pool = make_pool(2);
  ASSERT_TRUE(is_whole(pool, 2));
  const PoolStats before = pool.stats();
  EXPECT_EQ(before.queued, 0U);
  EXPECT_EQ(before.running, 0U);
  EXPECT_EQ(before.done, 2U);
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back(pool.apply_async(tasks::wait_at, gate.path(), i));
  ASSERT_TRUE(gate.reached(2));
  const PoolStats busy = pool.stats();
  EXPECT_EQ(busy.running, 2U);
  EXPECT_EQ(busy.queued, 8U);
  EXPECT_EQ(busy.workers.size(), 2U);
  for (const WorkerStats& worker : busy.workers) EXPECT_TRUE(worker.running);
  gate.open();
  for (const auto& job : jobs) job.wait();
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  pool.map(tasks::square, std::vector<int>(20), 5);
  EXPECT_TRUE(becomes_true([&] { return pool.stats().workers.size() == 2; }));
  const PoolStats after = pool.stats();
  EXPECT_EQ(after.done, 2U + 10U + 4U);
  EXPECT_EQ(after.lost, 1U);
  EXPECT_EQ(after.restarts, 1U);
  EXPECT_EQ(after.queued, 0U);
  EXPECT_EQ(after.running, 0U);
}

TEST_P(Hooks, StatsTellOfEachWorker) {
  Pool pool = make_pool(1);
  for (int i = 0; i < 3; ++i) pool.apply(keep_busy);
  const PoolStats stats = pool.stats();
  ASSERT_EQ(stats.workers.size(), 1U);
  const WorkerStats& worker = stats.workers.front();
  EXPECT_EQ(worker.pid, pool.worker_pids().at(0));
  EXPECT_EQ(worker.jobs, 3U);
  EXPECT_GE(worker.busy, 150ms);
  EXPECT_TRUE(worker.footprint.has_value());
}

TEST_P(Hooks, ThereIsASentinelForEachWorker) {
  Pool pool = make_pool(2);
  ASSERT_TRUE(is_whole(pool, 2));
  if (in_memory()) GTEST_SKIP() << "threads have no handles";
  const auto sentinels = pool.process_sentinels();
  EXPECT_EQ(std::set<NativeHandle>(sentinels.begin(), sentinels.end()).size(), 2U);
}

TEST_P(Hooks, CpuCountIsWhatThePoolTakesByDefault) {
  EXPECT_GE(cpu_count(), 1U);
  EXPECT_EQ(Pool::cpu_count(), cpu_count());
  PoolOptions unsaid = options(1);
  unsaid.processes.reset();
  const Pool pool(std::move(unsaid));
  EXPECT_EQ(pool.size(), cpu_count());
}

}  // namespace
}  // namespace procpool::testing
