// SPDX-License-Identifier: MIT
// Workers that are replaced: by plan, by bad luck, and when it is too much.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"
#include "helpers/in_memory_backend.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Recycling : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Recycling);

Pid pid_of_worker(int) {
  return tasks::worker_pid();
}

void die_in_initializer() {
  tasks::exit_with(9);
}

/// Throws the first time, and waits from then on.
void throw_once_and_wait_at(std::string gate) {
  const auto thrown = std::filesystem::path(gate) / "thrown";
  if (!std::filesystem::exists(thrown)) {
    tasks::append_line(thrown.string(), "here");
    throw std::runtime_error("not yet");
  }
  tasks::wait_at(gate, 0);
}

std::map<Pid, int> count(const std::vector<Pid>& pids) {
  std::map<Pid, int> jobs;
  for (const Pid pid : pids) ++jobs[pid];
  return jobs;
}

TEST_P(Recycling, AWorkerEndsAfterItsLastTaskAndEveryResultIsKept) {
  PoolOptions recycling = options(2);
  recycling.max_tasks_per_child = 3;
  Pool pool(std::move(recycling));
  const std::vector<Pid> pids = pool.map(pid_of_worker, std::vector<int>(30));
  const std::map<Pid, int> jobs = count(pids);
  EXPECT_GE(jobs.size(), 10U);
  for (const auto& [pid, number] : jobs) EXPECT_LE(number, 3) << pid;
  EXPECT_TRUE(becomes_true([&] { return pool.worker_pids().size() == 2; }));
  // All but the workers that may still be there.
  EXPECT_TRUE(becomes_true([&] { return pool.stats().restarts >= 8; }));
  EXPECT_EQ(pool.stats().lost, 0U);
}

TEST_P(Recycling, AWorkerMayLiveForOneTask) {
  PoolOptions recycling = options(2);
  recycling.max_tasks_per_child = 1;
  Pool pool(std::move(recycling));
  const std::vector<Pid> pids = pool.map(pid_of_worker, std::vector<int>(20));
  EXPECT_EQ(std::set<Pid>(pids.begin(), pids.end()).size(), 20U);
}

TEST_P(Recycling, AChunkCountsAsOneTask) {
  PoolOptions recycling = options(1);
  recycling.max_tasks_per_child = 1;
  Pool pool(std::move(recycling));
  const std::map<Pid, int> jobs = count(pool.map(pid_of_worker, std::vector<int>(30), 10));
  EXPECT_EQ(jobs.size(), 3U);
  for (const auto& [pid, number] : jobs) EXPECT_EQ(number, 10) << pid;
}

TEST_P(Recycling, IsNoCrashLoop) {
  PoolOptions recycling = options(2);
  recycling.max_tasks_per_child = 1;
  recycling.max_restarts = 0;
  Pool pool(std::move(recycling));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.apply(tasks::square, i), i * i);
}

TEST_P(Recycling, ATaskThatThrowsCountsToo) {
  PoolOptions recycling = options(1);
  recycling.max_tasks_per_child = 2;
  Pool pool(std::move(recycling));
  const Pid first = pool.apply(pid_of_worker, 0);
  thrown_by<std::invalid_argument>([&] { pool.apply(tasks::throw_invalid_argument, "second"); });
  EXPECT_NE(pool.apply(pid_of_worker, 0), first);
}

TEST_P(Recycling, AJobThatWasAcceptedStartsTheCountOfRestartsAnew) {
  PoolOptions few_restarts = options(1);
  few_restarts.max_restarts = 2;
  few_restarts.max_restart_freq = 1h;
  Pool pool(std::move(few_restarts));
  for (int i = 0; i < 8; ++i) thrown_by<WorkerLostError>([&] { pool.apply(tasks::exit_with, 3); });
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_GE(pool.stats().restarts, 8U);
  EXPECT_EQ(pool.stats().lost, 8U);
}

TEST_P(Recycling, ACrashLoopEndsOpenJobsAndLaterCallsAndNotTheHost) {
  PoolOptions crash_loop = options(2);
  crash_loop.initializer = die_in_initializer;
  crash_loop.max_restarts = 3;
  crash_loop.max_restart_freq = 1h;
  Pool pool(std::move(crash_loop));
  // The loop may have ended the pool before any of these.
  const auto call = [&] { pool.apply(tasks::add, 1, 2); };
  const auto map = [&] { pool.map(tasks::square, std::vector{1, 2, 3}); };
  const auto error = thrown_by<RestartFreqExceeded>(call);
  EXPECT_NE(std::string(error.what()).find("exit code 9"), std::string::npos) << error.what();
  thrown_by<RestartFreqExceeded>(map);
  thrown_by<RestartFreqExceeded>(call);
  EXPECT_TRUE(pool.join(patience));
}

TEST_P(Recycling, TooManyLossesWithoutAJobInBetweenAreACrashLoop) {
  PoolOptions few_restarts = options(1);
  few_restarts.max_restarts = 2;
  few_restarts.max_restart_freq = 1h;
  Pool pool(std::move(few_restarts));
  Pid last = 0;
  for (int i = 0; i < 3; ++i) {
    Pid next = 0;
    ASSERT_TRUE(becomes_true([&] {
      const auto pids = pool.worker_pids();
      next = pids.empty() ? 0 : pids.front();
      return next != 0 && next != last;
    })) << i;
    kill_from_outside(next);
    last = next;
  }
  // A job that is taken before the third loss is known would start the count anew.
  ASSERT_TRUE(becomes_true([&] { return pool.worker_pids().empty(); }));
  thrown_by<RestartFreqExceeded>([&] { pool.apply(tasks::add, 1, 2); });
}

TEST_P(Recycling, AnInitializerThatThrowsIsTheCauseOfTheError) {
  PoolOptions failing = options(2);
  failing.initializer = task(tasks::throw_invalid_argument, "no licence");
  Pool pool(std::move(failing));
  EXPECT_TRUE(becomes_true([&] { return !pool.did_start_ok(); }));
  const auto error = thrown_by<SpawnError>([&] { pool.apply(tasks::add, 1, 2); });
  EXPECT_NE(std::string(error.what()).find("no licence"), std::string::npos) << error.what();
  try {
    pool.apply(tasks::add, 1, 2);
    ADD_FAILURE() << "the pool goes on";
  } catch (const SpawnError& thrown) {
    thrown_by<std::invalid_argument>([&] { std::rethrow_if_nested(thrown); });
  }
}

TEST_P(Recycling, APoolWhoseWorkersStartAfterAllHasStartedOk) {
  const tasks::Gate gate;
  PoolOptions failing = options(1);
  failing.initializer = task(throw_once_and_wait_at, gate.path());
  Pool pool(std::move(failing));
  EXPECT_TRUE(becomes_true([&] { return !pool.did_start_ok(); }));
  gate.open();
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_TRUE(becomes_true([&] { return pool.did_start_ok(); }));
}

TEST_P(Recycling, AWholePoolHasStartedOk) {
  Pool pool = make_pool(2);
  ASSERT_TRUE(is_whole(pool, 2));
  EXPECT_TRUE(pool.did_start_ok());
}

TEST_P(Recycling, MaintainPoolReplacesTheDead) {
  Pool pool = make_pool(2);
  ASSERT_TRUE(is_whole(pool, 2));
  kill_from_outside(pool.worker_pids().at(0));
  EXPECT_TRUE(becomes_true([&] {
    pool.maintain_pool();
    return pool.stats().restarts == 1 && pool.worker_pids().size() == 2;
  }));
  EXPECT_TRUE(is_whole(pool, 2));
  EXPECT_EQ(pool.stats().restarts, 1U);
}

TEST_P(Recycling, TermsThatMakeNoSenseAreRefusedByName) {
  const auto refused = [&](auto set, const std::string& field) {
    PoolOptions wrong = options(1);
    set(wrong);
    const auto error = thrown_by<std::invalid_argument>([&] { Pool never(wrong); });
    EXPECT_NE(std::string(error.what()).find("PoolOptions::" + field), std::string::npos) << error.what();
  };
  refused([](PoolOptions& o) { o.max_tasks_per_child = 0; }, "max_tasks_per_child");
  refused([](PoolOptions& o) { o.max_memory_per_child = 0 * MiB; }, "max_memory_per_child");
  refused([](PoolOptions& o) { o.memory_limit = 0 * MiB; }, "memory_limit");
  refused([](PoolOptions& o) { o.max_restart_freq = 0s; }, "max_restart_freq");
  refused([](PoolOptions& o) { o.max_restart_freq = -1s; }, "max_restart_freq");
  refused([](PoolOptions& o) { o.max_queued_jobs = 0; }, "max_queued_jobs");
  refused([](PoolOptions& o) { o.environment = {{"", "value"}}; }, "environment");
  refused([](PoolOptions& o) { o.environment = {{"A=B", "value"}}; }, "environment");
  refused([](PoolOptions& o) { o.processes = 0; }, "processes");
}

TEST(FailingStarts, OfTheFirstWorkersAreAnErrorOfTheConstructor) {
  auto backend = std::make_shared<InMemoryBackend>();
  backend->fail_next_starts(1, std::errc::not_enough_memory);
  int told = 0;
  const auto error = thrown_by<SpawnError>([&] {
    Pool never({.processes = 3, .on_process_up = [&](WorkerInfo) { ++told; }, .backend = backend});
  });
  EXPECT_EQ(error.code(), std::errc::not_enough_memory) << error.what();
  EXPECT_LE(told, 2);
}

TEST(FailingStarts, OfAReplacementAreLoggedAndTriedAgain) {
  Mailbox<std::string> log;
  auto backend = std::make_shared<InMemoryBackend>();
  Pool pool(
      {.processes = 2, .backend = backend, .on_log = [&](const std::string& message) { log.put(message); }});
  backend->fail_next_starts(3, std::errc::resource_unavailable_try_again);
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  EXPECT_TRUE(is_whole(pool, 2));
  EXPECT_EQ(log.first(4).size(), 4U) << "one for the loss, three for the starts";
}

TEST(FailingStarts, ThatNeverEndTakeThePoolAlong) {
  auto backend = std::make_shared<InMemoryBackend>();
  Pool pool({.processes = 1, .backend = backend});
  backend->fail_next_starts(1'000'000, std::errc::not_enough_memory);
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  const auto error = thrown_by<SpawnError>([&] { pool.apply(tasks::add, 1, 2); });
  EXPECT_EQ(error.code(), std::errc::not_enough_memory) << error.what();
  thrown_by<SpawnError>([&] { pool.apply(tasks::add, 1, 2); });
}

}  // namespace
}  // namespace procpool::testing
