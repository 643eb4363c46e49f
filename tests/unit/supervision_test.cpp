// SPDX-License-Identifier: MIT
// Pools whose backend fails now and then: starts that fail, rings that are lost or come twice, exits that are
// told late.
#include "helpers/faulty_backend.hpp"
#include "helpers/in_memory_backend.hpp"
#include "helpers/tasks.hpp"

#include <procpool/procpool.hpp>

#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds patience{30};

class Supervision : public ::testing::Test {
 protected:
  PoolOptions options(std::size_t processes) {
    PoolOptions made;
    made.processes = processes;
    made.backend = faulty;
    return made;
  }
  template <class Condition>
  static bool becomes_true(Condition condition) {
    const TimePoint give_up = Clock::now() + patience;
    while (!condition()) {
      if (Clock::now() > give_up) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  [[nodiscard]] std::error_code error_of_constructor(std::size_t processes) {
    try {
      const Pool pool(options(processes));
    } catch (const SpawnError& error) {
      return error.code();
    }
    return {};
  }
  void expect_whole(Pool& pool, std::size_t count) {
    EXPECT_TRUE(becomes_true([&] { return pool.worker_pids().size() == count; }));
    EXPECT_TRUE(becomes_true([&] { return in_memory->alive().size() == count; }));
    EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  }

  std::shared_ptr<InMemoryBackend> in_memory = std::make_shared<InMemoryBackend>();
  std::shared_ptr<FaultyBackend> faulty = std::make_shared<FaultyBackend>(in_memory);
};

TEST_F(Supervision, AFirstWorkerThatCannotBeStartedIsAnErrorOfTheConstructor) {
  for (const int failing : {1, 2}) {
    faulty->fail_starts(failing);
    EXPECT_EQ(error_of_constructor(2), std::errc::resource_unavailable_try_again);
  }
  EXPECT_EQ(error_of_constructor(2), std::error_code());
}

TEST_F(Supervision, AStartThatCannotEvenBeTriedIsAnErrorOfTheConstructor) {
  faulty->throw_from_start(1, std::errc::too_many_files_open);
  EXPECT_EQ(error_of_constructor(2), std::errc::too_many_files_open);
  faulty->throw_from_open(1, std::errc::not_enough_memory);
  EXPECT_EQ(error_of_constructor(2), std::errc::not_enough_memory);
  Pool pool(options(2));
  expect_whole(pool, 2);
}

TEST_F(Supervision, AReplacementThatCannotBeStartedIsTriedAgain) {
  Pool pool(options(2));
  faulty->throw_from_start(2);
  EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  expect_whole(pool, 2);
  faulty->fail_starts(2);
  EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  expect_whole(pool, 2);
}

TEST_F(Supervision, ALargePoolWhoseWorkersAllEndTriesAsOftenAsASmallOne) {
  constexpr std::size_t many = 16;
  Pool pool(options(many));
  faulty->hold_exits();
  std::vector<ApplyResult<int>> crashes;
  for (std::size_t i = 0; i < many; ++i) crashes.push_back(pool.apply_async(tasks::segfault));
  ASSERT_TRUE(becomes_true([&] { return faulty->held_exits() == many; }));
  faulty->fail_starts(40);
  faulty->release_exits();
  for (const auto& crash : crashes) EXPECT_THROW(crash.get(patience), WorkerLostError);
  expect_whole(pool, many);
}

TEST_F(Supervision, AnIdlePoolTriesAgainToStartAWorker) {
  Pool pool(options(2));
  faulty->fail_starts(8);  // the tries go on for longer than a pool without work looks around by itself
  EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  EXPECT_TRUE(becomes_true([&] { return in_memory->starts() == 3; }));
  expect_whole(pool, 2);
}

TEST_F(Supervision, APoolThatCanStartNoWorkerAnyMoreSaysWhy) {
  Pool pool(options(1));
  faulty->fail_starts(1'000'000);
  EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  const auto waiting = pool.apply_async(tasks::add, 1, 2);
  try {
    waiting.get(patience);
    FAIL() << "nothing was thrown";
  } catch (const SpawnError& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again) << error.what();
  }
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), SpawnError);
  EXPECT_FALSE(pool.did_start_ok());
}

TEST_F(Supervision, WhileOneWorkerIsLeftMissingStartsFailNothing) {
  Pool pool(options(2));
  faulty->fail_starts(1'000'000);
  EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.apply(tasks::square, i), i * i);
  EXPECT_TRUE(becomes_true([&] { return pool.worker_pids().size() == 1; }));
  faulty->fail_starts(0);
  expect_whole(pool, 2);
}

TEST_F(Supervision, APoolThatWaitsToStartAWorkerCanBeEnded) {
  for (const bool terminate : {false, true}) {
    Pool pool(options(1));
    faulty->fail_starts(3);
    EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
    const auto waiting = pool.apply_async(tasks::add, 1, 2);
    if (terminate) {
      pool.terminate();
    } else {
      pool.close();
    }
    EXPECT_TRUE(pool.join(patience));
    if (terminate) {
      EXPECT_THROW(waiting.get(0s), Terminated);
    } else {
      EXPECT_EQ(waiting.get(0s), 3);
    }
  }
}

TEST_F(Supervision, AWorkerThatDiesBeforeItSaysHelloIsReplaced) {
  in_memory->exit_next_before_hello(2, ExitStatus::from_code(1));
  Pool pool(options(2));
  EXPECT_TRUE(becomes_true([&] { return in_memory->starts() == 4; }));
  expect_whole(pool, 2);
  EXPECT_EQ(in_memory->starts(), 4U);
}

TEST_F(Supervision, WorkersThatNeverSayHelloEndThePool) {
  in_memory->exit_next_before_hello(1'000'000, ExitStatus::from_code(1));
  Pool pool(options(2));
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), RestartFreqExceeded);
  EXPECT_LT(in_memory->starts(), 50U);
}

TEST_F(Supervision, RingsThatComeTwiceDoNoHarm) {
  faulty->repeat_rings(true);
  Pool pool(options(2));
  std::vector<ApplyResult<int>> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(pool.apply_async(tasks::square, i));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(handles[static_cast<std::size_t>(i)].get(patience), i * i);
}

TEST_F(Supervision, RingsToTheLoopThatAreLostCostOnlyTime) {
  Pool pool(options(2));
  faulty->lose_rings_to_loop(50);
  for (int i = 0; i < 20; ++i) {
    const auto handle = pool.apply_async(tasks::square, i);
    EXPECT_TRUE(becomes_true([&] { return handle.ready(); }));
  }
}

TEST_F(Supervision, AnExitThatIsToldLateSettlesItsJobWhenItIsTold) {
  PoolOptions patient = options(2);
  patient.lost_worker_timeout = 1h;
  Pool pool(std::move(patient));
  faulty->hold_exits();
  const auto crash = pool.apply_async(tasks::segfault);
  EXPECT_TRUE(becomes_true([&] { return faulty->held_exits() == 1; }));
  EXPECT_FALSE(crash.ready());
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);  // the other worker
  faulty->release_exits();
  EXPECT_THROW(crash.get(patience), WorkerLostError);
  expect_whole(pool, 2);
}

TEST_F(Supervision, WhatWaitsAtADeadWorkerGoesElsewhereBeforeItsExitIsTold) {
  PoolOptions patient = options(2);
  patient.lost_worker_timeout = 1h;
  Pool pool(std::move(patient));
  faulty->hold_exits();
  const auto crash = pool.apply_async(tasks::segfault);
  std::vector<ApplyResult<int>> others;
  for (int i = 0; i < 20; ++i) others.push_back(pool.apply_async(tasks::square, i));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].get(patience), i * i);
  EXPECT_FALSE(crash.ready());
  faulty->release_exits();
  EXPECT_THROW(crash.get(patience), WorkerLostError);
}

TEST_F(Supervision, ThePoolEndsEvenIfNoExitIsEverTold) {
  Pool pool(options(2));
  const auto hangs = pool.apply_async(tasks::hang);
  EXPECT_TRUE(becomes_true([&] { return hangs.accepted(); }));
  faulty->hold_exits();
  pool.terminate();
  EXPECT_TRUE(pool.join(patience));
  EXPECT_THROW(hangs.get(0s), Terminated);
}

}  // namespace
}  // namespace procpool::testing
