// SPDX-License-Identifier: MIT
// Pools whose launcher or host is killed: every handle settles, and no process is left behind. (The leak
// check after each test looks for those.)
#include "helpers/process_info.hpp"
#include "helpers/tasks.hpp"
#include "posix/child_process.hpp"
#include "posix/process_pool_test.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <signal.h>

namespace procpool::testing {
namespace {

class PoolGuardian : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(PoolGuardian);

/// The launcher of a pool, which is its workers' parent; 0 if there is no worker at this moment.
Pid launcher_of(const Pool& pool) {
  const std::vector<Pid> workers = pool.worker_pids();
  const auto worker = workers.empty() ? std::nullopt : process_info(workers.front());
  const Pid launcher = worker ? worker->parent : 0;
  return launcher == 1 ? 0 : launcher;
}

TEST_P(PoolGuardian, APoolSurvivesTheDeathOfItsLauncher) {
  Pool pool(options(2));
  for (int round = 0; round < 3; ++round) {
    const tasks::Gate gate;
    std::vector<ApplyResult<int>> running;
    for (int i = 0; i < 2; ++i) running.push_back(pool.apply_async(tasks::wait_at, gate.path(), i));
    ASSERT_TRUE(gate.reached(2));
    const auto waiting = pool.apply_async(tasks::add, 1, 2);
    const Pid launcher = launcher_of(pool);
    ASSERT_GT(launcher, 1);
    ASSERT_EQ(::kill(launcher, SIGKILL), 0);
    for (const auto& handle : running) EXPECT_THROW(handle.get(patience), WorkerLostError);
    EXPECT_EQ(waiting.get(patience), 3);
    EXPECT_NE(launcher_of(pool), launcher);
    EXPECT_EQ(pool.map(tasks::square, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 4, 9}));
  }
}

TEST_P(PoolGuardian, EveryHandleSettlesWhenTheLauncherIsKilledAtAnyMoment) {
  PoolOptions with = options(2);
  with.max_restarts = 1'000'000;
  Pool pool(std::move(with));
  for (int round = 0; round < 15; ++round) {
    std::vector<ApplyResult<int>> handles;
    for (int i = 0; i < 300; ++i) handles.push_back(pool.apply_async(tasks::square, i));
    static_cast<void>(handles[static_cast<std::size_t>(round) * 20].wait(patience));
    if (const Pid launcher = launcher_of(pool)) ::kill(launcher, SIGKILL);
    int lost = 0;
    for (int i = 0; i < 300; ++i) {
      try {
        ASSERT_EQ(handles[static_cast<std::size_t>(i)].get(patience), i * i);
      } catch (const WorkerLostError&) {
        ++lost;
      }
    }
    EXPECT_LE(lost, 2);
  }
}

TEST_P(PoolGuardian, APoolWhoseLauncherIsDeadEndsAsAnyOther) {
  for (const bool terminate : {true, false}) {
    Pool pool(options(2));
    const Pid launcher = launcher_of(pool);
    ASSERT_GT(launcher, 1);
    ::kill(launcher, SIGKILL);
    if (terminate) {
      pool.terminate();
    } else {
      pool.close();
    }
    EXPECT_TRUE(pool.join(patience));
  }
}

TEST_P(PoolGuardian, AJobOfADeadWorkerFailsInTimeThoughItsLauncherIsStopped) {
  Pool pool(options(2));
  const tasks::Gate gate;
  const auto doomed = pool.apply_async(tasks::wait_at, std::tuple(gate.path(), 1),
                                       {.lost_worker_timeout = std::chrono::milliseconds(200)});
  ASSERT_TRUE(gate.reached());
  const Pid launcher = launcher_of(pool);
  ASSERT_GT(launcher, 1);
  ::kill(launcher, SIGSTOP);
  ::kill(doomed.worker_pids().at(0), SIGKILL);
  EXPECT_THROW(doomed.get(patience), WorkerLostError);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  ::kill(launcher, SIGCONT);
  const TimePoint give_up = Clock::now() + patience;
  while (pool.worker_pids().size() != 2 && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(pool.worker_pids().size(), 2U);
}

TEST_P(PoolGuardian, APoolWhoseLauncherIsStoppedEndsAllTheSame) {
  for (const bool terminate : {true, false}) {
    Pool pool(options(2));
    const Pid launcher = launcher_of(pool);
    ASSERT_GT(launcher, 1);
    ::kill(launcher, SIGSTOP);
    if (terminate) {
      pool.terminate();
    } else {
      pool.close();
    }
    EXPECT_TRUE(pool.join(patience));
  }
}

TEST_P(PoolGuardian, NothingOutlivesAHostThatIsKilled) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    Pool pool(options(3));
    const auto hangs = pool.apply_async(tasks::hang);
    const auto spins = pool.apply_async(tasks::spin_with_signals_blocked);
    const Pid grandchild = pool.apply(tasks::spawn_grandchild);
    for (const Pid pid : pool.worker_pids()) tell(std::to_string(pid));
    tell(std::to_string(launcher_of(pool)));
    tell(std::to_string(grandchild));
    tell("all");
    hangs.wait();
  });
  std::vector<Pid> pids;
  for (std::string line = host.line(); line != "all"; line = host.line()) {
    ASSERT_NE(line, "");
    pids.push_back(std::stoi(line));
  }
  ASSERT_EQ(pids.size(), 5U);
  host.kill(SIGKILL);
  for (const Pid pid : pids) EXPECT_TRUE(tasks::goes_away(pid)) << pid;
}

TEST_P(PoolGuardian, NothingOutlivesAHostThatIsKilledAtAnyMoment) {
  // It makes and ends pools all the time, so that the kill meets each stage of their lives.
  for (int round = 0; round < 25; ++round) {
    ChildProcess host([](const ChildProcess::Tell& tell) {
      tell("begins");
      for (;;) {
        Pool pool(options(2));
        const auto many = pool.map_async(tasks::square, std::vector<int>(200));
        const auto crash = pool.apply_async(tasks::segfault);
        many.wait(std::chrono::milliseconds(2));
      }
    });
    ASSERT_EQ(host.line(), "begins");
    std::this_thread::sleep_for(std::chrono::microseconds(1700) *
                                round);  // the moment, not an order of things
  }
}

TEST_P(PoolGuardian, AHostThatExitsWithoutEndingItsPoolLeavesNothing) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    static Pool* pool = new Pool(options(2));  // never destroyed
    const auto hangs = pool->apply_async(tasks::hang);
    tell(std::to_string(pool->worker_pids().at(0)));
    ::_exit(0);
  });
  const Pid worker = std::stoi(host.line());
  EXPECT_EQ(host.exit_code(), 0);
  EXPECT_TRUE(tasks::goes_away(worker));
}

TEST_P(PoolGuardian, AStaticPoolEndsWhenItsHostExits) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    static Pool pool(options(2));
    tell(std::to_string(pool.apply(tasks::add, 1, 2)));
  });
  EXPECT_EQ(host.line(), "3");
  EXPECT_EQ(host.exit_code(), 0);
}

}  // namespace
}  // namespace procpool::testing
