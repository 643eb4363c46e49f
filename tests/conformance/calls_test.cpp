// SPDX-License-Identifier: MIT
// What can be called in a worker, with what arguments and results.
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

namespace procpool::testing {
namespace {

class Calls : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Calls);

struct Multiply {
  int operator()(int a, int b) const { return a * b; }
};

struct Scale {
  int factor = 1;
  std::string unit;
  std::string operator()(int value) const { return std::to_string(value * factor) + unit; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor, unit);
  }
};

struct Order {
  int id = 0;
  std::vector<std::string> items;
  std::map<std::string, double> prices;
  std::optional<std::variant<int, std::string>> note;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, items, prices, note);
  }
};

Order add_item(Order order, const std::string& item, double price) {
  order.items.push_back(item);
  order.prices[item] = price;
  order.note = "added " + item;
  return order;
}

struct Counter {
  static int twice(int x) { return 2 * x; }
};

int sum_of_tuple(std::tuple<int, int> pair) {
  return std::get<0>(pair) + std::get<1>(pair);
}
int no_arguments() {
  return 7;
}
std::size_t length(std::string_view text) {
  return text.size();
}
bool runs_inside_task() {
  return this_task::is_inside_task();
}
JobId own_job_id() {
  return this_task::job_id();
}
int named_task(int a, std::string b) {
  return a + static_cast<int>(b.size());
}
PROCPOOL_TASK("conformance.named", named_task);

TEST_P(Calls, AFunctionReturnsItsResult) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(tasks::add, 5, 3), 8);
  EXPECT_EQ(pool.apply(&tasks::add, -5, 3), -2);
}

TEST_P(Calls, AFunctionPointerIsCalledByWhatItPointsTo) {
  Pool pool = make_pool(1);
  int (*function)(int) = tasks::square;
  EXPECT_EQ(pool.apply(function, 7), 49);
  function = Counter::twice;
  EXPECT_EQ(pool.apply(function, 7), 14);
}

TEST_P(Calls, ALambdaWithoutCapturesIsATask) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply([](int a, int b) { return a * 100 + b; }, 5, 3), 503);
}

TEST_P(Calls, AnEmptyFunctionObjectIsATask) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(Multiply{}, 5, 3), 15);
  EXPECT_EQ(pool.apply(std::plus<int>{}, 5, 3), 8);
}

TEST_P(Calls, AFunctionObjectTravelsWithItsState) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(Scale{3, " kg"}, 5), "15 kg");
  const Scale metres{1000, " m and a unit that is too long for a descriptor of the job ring"};
  EXPECT_EQ(pool.apply(metres, 2), "2000" + metres.unit);
}

TEST_P(Calls, ATaskIsFoundByItsName) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(named<int(int, std::string)>("conformance.named"), 5, "four"), 9);
}

TEST_P(Calls, ATaskWithoutAResultRuns) {
  Pool pool = make_pool();
  pool.apply(tasks::nothing);
  ApplyResult<void> handle = pool.apply_async(tasks::nothing);
  handle.get(patience);
  EXPECT_TRUE(handle.successful());
}

TEST_P(Calls, ATaskWithoutArgumentsRuns) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(no_arguments), 7);
}

TEST_P(Calls, MoveOnlyArgumentsAndResultsTravel) {
  Pool pool = make_pool();
  auto five = std::make_unique<int>(5);
  const std::unique_ptr<int> six = pool.apply(tasks::add_one, std::move(five));
  ASSERT_NE(six, nullptr);
  EXPECT_EQ(*six, 6);
}

TEST_P(Calls, AMoveOnlyResultCanBeHadMoreThanOnce) {
  Pool pool = make_pool();
  const auto handle = pool.apply_async(tasks::add_one, std::make_unique<int>(5));
  EXPECT_EQ(*handle.get(patience), 6);
  EXPECT_EQ(*handle.get(patience), 6);
}

TEST_P(Calls, ArgumentsBecomeTheParametersOfTheFunction) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply(tasks::echo, "text"), "text");
  EXPECT_EQ(pool.apply(length, std::string("seven77")), 7U);
  EXPECT_EQ(pool.apply(tasks::add, short{1}, 'a'), 98);
  const int lvalue = 4;
  EXPECT_EQ(pool.apply(tasks::square, lvalue), 16);
}

TEST_P(Calls, TypesOfTheUsersTravelBothWays) {
  Pool pool = make_pool();
  Order order;
  order.id = 12;
  order.items = {"tea"};
  const Order more = pool.apply(add_item, order, "milk", 1.25);
  EXPECT_EQ(more.id, 12);
  EXPECT_EQ(more.items, (std::vector<std::string>{"tea", "milk"}));
  EXPECT_EQ(more.prices.at("milk"), 1.25);
  EXPECT_EQ(std::get<std::string>(more.note.value()), "added milk");
}

TEST_P(Calls, TextOfEveryLengthAroundTheInlineSizeArrivesWhole) {
  Pool pool = make_pool();
  for (std::size_t size = 0; size < 80; ++size) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    ASSERT_EQ(pool.apply(tasks::echo, text), text) << size;
  }
}

TEST_P(Calls, ApplyAsyncUnpacksATupleOfArguments) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply_async(tasks::add, std::tuple{5, 3}).get(patience), 8);
  EXPECT_EQ(pool.apply_async(no_arguments, std::tuple<>{}).get(patience), 7);
}

TEST_P(Calls, ApplyAsyncUnpacksATupleWhateverTheOptionsAre) {
  Pool pool = make_pool();
  CallOptions<int> with;
  with.correlation_id = "17";
  EXPECT_EQ(pool.apply_async(tasks::add, std::tuple(5, 3), with).correlation_id(), "17");
  EXPECT_EQ(pool.apply_async(tasks::add, std::tuple(5, 3), std::move(with)).get(patience), 8);
}

TEST_P(Calls, ApplyAsyncPassesATupleToAFunctionThatTakesOne) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.apply_async(sum_of_tuple, std::tuple{5, 3}).get(patience), 8);
  EXPECT_EQ(pool.apply(sum_of_tuple, std::tuple{5, 4}), 9);
}

TEST_P(Calls, TasksRunInTheWorkersOfThePool) {
  Pool pool = make_pool(3);
  const std::vector<Pid> workers = pool.worker_pids();
  ASSERT_EQ(workers.size(), 3U);
  for (int i = 0; i < 20; ++i) {
    const Pid pid = pool.apply(tasks::worker_pid);
    EXPECT_NE(std::find(workers.begin(), workers.end(), pid), workers.end());
  }
}

TEST_P(Calls, AllWorkersRunTasksAtTheSameTime) {
  Pool pool = make_pool(4);
  EXPECT_EQ(pool.size(), 4U);
  EXPECT_TRUE(is_whole(pool, 4));
}

TEST_P(Calls, ATaskKnowsThatItIsOneAndWhich) {
  Pool pool = make_pool();
  EXPECT_FALSE(this_task::is_inside_task());
  EXPECT_EQ(this_task::job_id(), 0U);
  EXPECT_TRUE(pool.apply(runs_inside_task));
  const auto first = pool.apply_async(own_job_id);
  const auto second = pool.apply_async(own_job_id);
  EXPECT_EQ(first.get(patience), first.job_id());
  EXPECT_EQ(second.get(patience), second.job_id());
  EXPECT_NE(first.job_id(), second.job_id());
}

TEST_P(Calls, ThousandsOfCallsEachGetTheirOwnResult) {
  Pool pool = make_pool();
  std::vector<ApplyResult<int>> results;
  for (int i = 0; i < 10'000; ++i) results.push_back(pool.apply_async(tasks::square, i));
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(results[static_cast<std::size_t>(i)].get(patience), i * i);
}

TEST_P(Calls, ManyThreadsMayCallAtOnce) {
  Pool pool = make_pool();
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 500; ++i) {
        if (pool.apply(tasks::add, caller * 1000, i) == caller * 1000 + i) ++right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 8 * 500);
}

TEST_P(Calls, AFastTaskIsNotHeldUpByASlowOne) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  const auto slow = pool.apply_async(tasks::wait_at, gate.path(), 1);
  std::vector<ApplyResult<int>> fast;
  for (int i = 0; i < 2000; ++i) fast.push_back(pool.apply_async(tasks::square, i));
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(fast[static_cast<std::size_t>(i)].get(patience), i * i);
  EXPECT_FALSE(slow.ready());
  gate.open();
  EXPECT_EQ(slow.get(patience), 1);
}

thread_local int prepared = 0;
void prepare(int value, const std::string& text) {
  prepared = value + static_cast<int>(text.size());
}
int what_was_prepared() {
  return prepared;
}

TEST_P(Calls, TheInitializerRunsInEachWorkerBeforeItsFirstTask) {
  PoolOptions with = options(2);
  with.initializer = task(prepare, 40, "xx");
  Pool pool(std::move(with));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pool.apply(what_was_prepared), 42);
  EXPECT_EQ(prepared, 0);
}

}  // namespace
}  // namespace procpool::testing
