// SPDX-License-Identifier: MIT
// Results as futures and in coroutines.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <chrono>
#include <coroutine>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

class Futures : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Futures);

/// A coroutine that starts at once and tells its outcome to a future.
template <class T>
struct Started {
  struct promise_type {
    std::promise<T> outcome;
    Started get_return_object() { return {outcome.get_future()}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_value(T value) { outcome.set_value(std::move(value)); }
    void unhandled_exception() { outcome.set_exception(std::current_exception()); }
  };
  std::future<T> future;

  T get() {
    if (future.wait_for(patience) != std::future_status::ready)
      throw std::logic_error("the coroutine did not end");
    return future.get();
  }
};

Started<int> sum_of_two(Pool& pool, std::string gate) {
  const int first = co_await pool.apply_async(tasks::wait_at, std::move(gate), 20);
  const int second = co_await pool.apply_async(tasks::add, first, 1);
  co_return first + second;
}
Started<std::string> describe_error(Pool& pool) {
  std::string told;
  try {
    co_await pool.apply_async(tasks::throw_invalid_argument, "bad");
  } catch (const std::invalid_argument& error) {
    told = error.what();
  }
  try {
    co_await pool.apply_async(tasks::segfault);
  } catch (const WorkerLostError&) {
    told += " and lost";
  }
  co_return told;
}
Started<std::vector<int>> squares(Pool& pool) {
  co_await pool.apply_async(tasks::nothing);
  const std::vector<int> numbers{1, 2, 3};  // GCC 12 cannot compile a list within a co_await expression
  co_return co_await pool.map_async(tasks::square, numbers);
}
Started<int> count_up(Pool& pool, int rounds) {
  int sum = 0;
  for (int i = 0; i < rounds; ++i) sum = co_await pool.apply_async(tasks::add, sum, 1);
  co_return sum;
}

TEST_P(Futures, AFutureGetsTheResult) {
  Pool pool = make_pool();
  const tasks::Gate gate;
  std::future<int> waiting = pool.apply_async(tasks::wait_at, gate.path(), 5).to_future();
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout);
  gate.open();
  ASSERT_EQ(waiting.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(waiting.get(), 5);
  std::future<std::vector<int>> all = pool.map_async(tasks::square, std::vector{1, 2, 3}).to_future();
  EXPECT_EQ(all.get(), (std::vector{1, 4, 9}));
  pool.apply_async(tasks::nothing).to_future().get();
  EXPECT_EQ(*pool.apply_async(tasks::add_one, std::make_unique<int>(1)).to_future().get(), 2);
}

TEST_P(Futures, AFutureOfAJobThatIsDoneBecomesReady) {
  Pool pool = make_pool();
  const auto handle = pool.apply_async(tasks::add, 1, 2);
  ASSERT_TRUE(handle.wait(patience));
  EXPECT_EQ(handle.to_future().get(), 3);
  EXPECT_EQ(handle.to_future().get(), 3) << "one may have several";
}

TEST_P(Futures, AFutureGetsTheError) {
  Pool pool = make_pool();
  thrown_by<std::invalid_argument>(
      [&] { pool.apply_async(tasks::throw_invalid_argument, "bad").to_future().get(); });
  thrown_by<WorkerLostError>([&] { pool.apply_async(tasks::segfault).to_future().get(); });
}

TEST_P(Futures, NoFutureIsLeftBehindByAPoolThatEnds) {
  std::vector<std::future<int>> futures;
  {
    Pool pool = make_pool(1);
    for (int i = 0; i < 10; ++i) futures.push_back(pool.apply_async(tasks::hang).to_future());
  }
  for (auto& future : futures) {
    ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
    thrown_by<Terminated>([&] { future.get(); });
  }
}

TEST_P(Futures, AFutureMayBeMadeAfterThePoolHasEnded) {
  ApplyResult<int> handle;
  {
    Pool pool = make_pool(1);
    handle = pool.apply_async(tasks::add, 1, 2);
    ASSERT_TRUE(handle.wait(patience));
  }
  std::future<int> late = handle.to_future();
  ASSERT_EQ(late.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(late.get(), 3);
}

TEST_P(Futures, ACoroutineGoesOnWithTheResult) {
  Pool pool = make_pool();
  const tasks::Gate gate;
  Started<int> sum = sum_of_two(pool, gate.path());
  ASSERT_TRUE(gate.reached());
  gate.open();
  EXPECT_EQ(sum.get(), 41);
  EXPECT_EQ(squares(pool).get(), (std::vector{1, 4, 9}));
  EXPECT_EQ(count_up(pool, 500).get(), 500);
}

TEST_P(Futures, ACoroutineGetsTheError) {
  Pool pool = make_pool();
  EXPECT_EQ(describe_error(pool).get(), "bad and lost");
}

TEST_P(Futures, ManyCoroutinesMayWaitAtOnce) {
  Pool pool = make_pool();
  std::vector<Started<int>> started;
  for (int i = 0; i < 50; ++i) started.push_back(count_up(pool, 20));
  for (auto& each : started) EXPECT_EQ(each.get(), 20);
}

}  // namespace
}  // namespace procpool::testing
