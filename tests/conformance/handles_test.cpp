// SPDX-License-Identifier: MIT
// ApplyResult and MapResult: what a handle tells, and how to wait for it.
#include "conformance/pool_test.hpp"

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Handles : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Handles);

TEST_P(Handles, BecomesReadyWhenTheJobIsDoneAndNotBefore) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 5);
  EXPECT_FALSE(handle.ready());
  EXPECT_FALSE(handle.wait(Duration::zero()));
  EXPECT_FALSE(handle.wait(5ms));
  EXPECT_FALSE(handle.ready());
  gate.open();
  EXPECT_TRUE(handle.wait(patience));
  EXPECT_TRUE(handle.ready());
  EXPECT_TRUE(handle.wait(Duration::zero()));
  EXPECT_EQ(handle.get(Duration::zero()), 5);
}

TEST_P(Handles, BecomesReadyWithoutAnybodyWaiting) {
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(tasks::add, 1, 2);
  EXPECT_TRUE(becomes_true([&] { return handle.ready(); }));
}

TEST_P(Handles, ATimeoutOfGetEndsOnlyTheWait) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 5);
  EXPECT_THROW(handle.get(Duration::zero()), TimeoutError);
  EXPECT_THROW(handle.get(10ms), TimeoutError);
  EXPECT_THROW(handle.get(-1s), TimeoutError);
  gate.open();
  EXPECT_EQ(handle.get(patience), 5);
}

TEST_P(Handles, ATimeoutLongerThanTimeIsNone) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply_async(tasks::add, 1, 2).get(Duration::max()), 3);
  EXPECT_TRUE(pool.apply_async(tasks::add, 1, 2).wait(Duration::max()));
  const tasks::Gate gate;
  const auto waits = pool.apply_async(tasks::wait_at, gate.path(), 5);
  EXPECT_THROW(waits.get(Duration::min()), TimeoutError);
  gate.open();
  pool.close();
  EXPECT_TRUE(pool.join(Duration::max()));
}

TEST_P(Handles, SuccessfulIsRefusedBeforeItIsReady) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto good = pool.apply_async(tasks::wait_at, gate.path(), 5);
  const auto bad = pool.apply_async(tasks::throw_42);
  EXPECT_THROW(static_cast<void>(good.successful()), std::logic_error);
  EXPECT_THROW(static_cast<void>(bad.successful()), std::logic_error);
  gate.open();
  ASSERT_TRUE(good.wait(patience));
  ASSERT_TRUE(bad.wait(patience));
  EXPECT_TRUE(good.successful());
  EXPECT_FALSE(bad.successful());
}

TEST_P(Handles, AcceptedAndWorkerPidsTellOfTheWorkerThatHasBegun) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  const auto waiting = pool.apply_async(tasks::worker_pid);
  ASSERT_TRUE(gate.reached());
  EXPECT_TRUE(running.accepted());
  EXPECT_EQ(running.worker_pids(), pool.worker_pids());
  EXPECT_FALSE(waiting.accepted());
  EXPECT_TRUE(waiting.worker_pids().empty());
  gate.open();
  const Pid pid = waiting.get(patience);
  EXPECT_TRUE(waiting.accepted());
  EXPECT_EQ(waiting.worker_pids(), std::vector<Pid>{pid});
  EXPECT_EQ(running.worker_pids(), std::vector<Pid>{pid});
}

TEST_P(Handles, CopiesSeeTheSameOutcome) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  auto handle = pool.apply_async(tasks::wait_at, gate.path(), 5);
  const auto copy = handle;
  ApplyResult<int> assigned;
  assigned = copy;
  EXPECT_EQ(copy.job_id(), handle.job_id());
  handle = {};
  gate.open();
  EXPECT_EQ(copy.get(patience), 5);
  EXPECT_EQ(assigned.get(Duration::zero()), 5);
}

TEST_P(Handles, OneWithoutAJobSaysSo) {
  const ApplyResult<int> nothing;
  EXPECT_THROW(nothing.get(), std::logic_error);
  EXPECT_THROW(static_cast<void>(nothing.ready()), std::logic_error);
  EXPECT_THROW(static_cast<void>(nothing.worker_pids()), std::logic_error);
  const MapResult<int> no_map;
  EXPECT_THROW(no_map.wait(), std::logic_error);
}

TEST_P(Handles, DroppingAllOfThemDoesNotCancelTheJob) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/done";
  Pool pool = make_pool(1);
  for (int i = 0; i < 50; ++i)
    static_cast<void>(pool.apply_async(tasks::append_line, file, std::to_string(i)));
  pool.close();
  pool.join();
  std::ifstream lines(file);
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) seen.insert(line);
  EXPECT_EQ(seen.size(), 50U);
}

TEST_P(Handles, JobIdsCountUpAndCorrelationIdsAreKept) {
  Pool pool = make_pool();
  const auto first = pool.apply_async(tasks::add, std::tuple{1, 2}, {.correlation_id = "order-17"});
  const auto second = pool.apply_async(tasks::add, 1, 2);
  const auto many = pool.map_async(tasks::square, std::vector<int>{1, 2, 3}, {.correlation_id = "batch"});
  const auto after = pool.apply_async(tasks::add, 1, 2);
  EXPECT_EQ(first.correlation_id(), "order-17");
  EXPECT_EQ(second.correlation_id(), "");
  EXPECT_EQ(many.correlation_id(), "batch");
  EXPECT_LT(first.job_id(), second.job_id());
  EXPECT_LT(second.job_id(), many.job_id());
  EXPECT_LT(many.job_id(), after.job_id());
  first.get(patience);
  EXPECT_EQ(first.correlation_id(), "order-17");
}

TEST_P(Handles, OutliveThePoolWithTheirOutcome) {
  std::optional<Pool> pool(make_pool(1));
  const tasks::Gate gate;
  const auto done = pool->apply_async(tasks::add, 1, 2);
  const auto failed = pool->apply_async(tasks::throw_invalid_argument, std::string("kept"));
  const auto many = pool->map_async(tasks::square, std::vector<int>{1, 2, 3});
  ASSERT_TRUE(many.wait(patience));
  const auto running = pool->apply_async(tasks::wait_at, gate.path(), 1);
  const auto waiting = pool->apply_async(tasks::add, 1, 2);
  const auto waiting_many = pool->map_async(tasks::square, std::vector<int>{1, 2, 3});
  ASSERT_TRUE(gate.reached());
  pool.reset();
  EXPECT_EQ(done.get(), 3);
  EXPECT_THROW(failed.get(), std::invalid_argument);
  EXPECT_EQ(many.get(), (std::vector<int>{1, 4, 9}));
  for (const auto* handle : {&running, &waiting}) {
    EXPECT_TRUE(handle->ready());
    EXPECT_FALSE(handle->successful());
    EXPECT_THROW(handle->get(), Terminated);
  }
  EXPECT_THROW(waiting_many.get(), Terminated);
  EXPECT_TRUE(running.accepted());
  EXPECT_FALSE(waiting.accepted());
}

TEST_P(Handles, ManyThreadsMayWaitForTheSameJob) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 5);
  std::vector<std::thread> waiters;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) {
    waiters.emplace_back([&] {
      if (handle.get(patience) == 5) ++right;
    });
  }
  ASSERT_TRUE(gate.reached());
  gate.open();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(right, 8);
}

TEST_P(Handles, ManyThreadsMayWaitForJobsThatEndInAnyOrder) {
  Pool pool = make_pool(4);
  std::vector<std::unique_ptr<tasks::Gate>> gates;
  std::vector<ApplyResult<int>> handles;
  for (int i = 0; i < 4; ++i) {
    gates.push_back(std::make_unique<tasks::Gate>());
    handles.push_back(pool.apply_async(tasks::wait_at, gates.back()->path(), i));
  }
  std::vector<std::thread> waiters;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&, i] {
      if (handles[static_cast<std::size_t>(i)].get(patience) == i) ++right;
    });
  }
  for (const int i : {2, 0, 3, 1}) {
    const auto index = static_cast<std::size_t>(i);
    ASSERT_TRUE(gates[index]->reached());
    gates[index]->open();
    waiters[index].join();  // only this one can have ended
  }
  EXPECT_EQ(right, 4);
}

TEST_P(Handles, AMapIsReadyWhenAllItemsAre) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  const std::vector<std::pair<std::string, int>> items{{gate.path(), 1}, {"/", 2}, {"/", 3}};
  const auto handle = pool.starmap_async(
      [](const std::string& path, int value) { return path == "/" ? value : tasks::wait_at(path, value); },
      items);
  ASSERT_TRUE(gate.reached());
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_FALSE(handle.ready());
  EXPECT_TRUE(handle.accepted());
  EXPECT_THROW(handle.get(5ms), TimeoutError);
  EXPECT_THROW(static_cast<void>(handle.successful()), std::logic_error);
  gate.open();
  EXPECT_EQ(handle.get(patience), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(handle.successful());
}

TEST_P(Handles, AMapWithAFailedItemIsNotSuccessful) {
  Pool pool = make_pool();
  const auto handle = pool.map_async(
      [](int x) {
        if (x == 2) throw std::out_of_range("two");
        return x;
      },
      std::vector<int>{1, 2, 3});
  ASSERT_TRUE(handle.wait(patience));
  EXPECT_FALSE(handle.successful());
  EXPECT_THROW(handle.get(), std::out_of_range);
}

}  // namespace
}  // namespace procpool::testing
