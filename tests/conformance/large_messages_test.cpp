// SPDX-License-Identifier: MIT
// Messages of every size, up to those much longer than what a worker shares with the host.
#include "conformance/pool_test.hpp"
#include "helpers/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

class LargeMessages : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(LargeMessages);

std::size_t size_of(const std::vector<std::uint8_t>& bytes) {
  return bytes.size();
}
int crash_on(std::vector<std::uint8_t>) {
  return tasks::segfault();
}
void throw_bytes(std::size_t size) {
  throw std::runtime_error(std::string(size, 'x'));
}

using Mixed = std::tuple<int, std::string, std::vector<double>, std::pair<bool, std::wstring>>;
Mixed turned(int number, std::string text, std::vector<double> numbers, std::pair<bool, std::wstring> wide) {
  return {-number, std::move(text), std::move(numbers), {!wide.first, std::move(wide.second)}};
}
std::vector<double> doubled(std::vector<double> numbers) {
  for (double& number : numbers) number *= 2;
  return numbers;
}
std::wstring reversed(std::wstring_view text) {
  return {text.rbegin(), text.rend()};
}
struct Labelled {
  std::string label;
  std::vector<std::uint8_t> bytes;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(label, bytes);
  }
};
Labelled relabel(Labelled labelled, const std::string& label) {
  return {label, std::move(labelled.bytes)};
}
std::vector<std::uint8_t> kept_in_the_worker;
const std::vector<std::uint8_t>& keep(std::vector<std::uint8_t> bytes) {
  kept_in_the_worker = std::move(bytes);
  return kept_in_the_worker;
}

struct Table {
  std::vector<std::uint32_t> numbers;
  std::uint32_t operator()(std::uint32_t x) const { return numbers[x % numbers.size()] + x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(numbers);
  }
};

// What surrounds the bytes of a vector in a message is less than this.
constexpr std::size_t overhead = 64;

TEST_P(LargeMessages, EverySizeArrivesWholeBothWays) {
  Pool pool = make_pool(2);
  std::vector<std::size_t> sizes{0, 1, 8 * mib};
  for (const std::size_t limit : {std::size_t{32}, 512 * kib, mib}) {
    // The bytes' own length stands before them: so the message, too, has each length around the limit.
    for (std::size_t size = limit - 18; size <= limit + 2; ++size) sizes.push_back(size);
  }
  for (const std::size_t size : sizes) {
    const auto bytes = tasks::bytes(size, static_cast<std::uint32_t>(size));
    ASSERT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes) << size;
  }
}

TEST_P(LargeMessages, SixtyFourMebibytesArriveWholeBothWays) {
  Pool pool = make_pool(1);
  const auto bytes = tasks::bytes(64 * mib, 64);
  EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
}

TEST_P(LargeMessages, ALongArgumentMayHaveAShortResultAndTheOtherWayRound) {
  Pool pool = make_pool(1);
  for (const std::size_t size : {3 * mib, 512 * kib, 20 * kib, 5 * mib + 1}) {
    EXPECT_EQ(pool.apply(size_of, tasks::bytes(size, 1)), size);
    EXPECT_EQ(pool.apply(tasks::bytes, size, 7U), tasks::bytes(size, 7));
  }
}

TEST_P(LargeMessages, AreOfAnyTypes) {
  Pool pool = make_pool(1);
  const std::string text(3 * mib, 't');
  const std::vector<double> numbers(200'003, 0.1);
  std::wstring wide(300'001, L'w');
  wide.back() = L'!';
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(pool.apply(turned, 7, text, numbers, std::pair{true, wide}),
              Mixed(-7, text, numbers, {false, wide}));
    EXPECT_EQ(pool.apply(turned, 7, "", numbers, std::pair{true, L""}), Mixed(-7, "", numbers, {false, L""}));
    const auto bytes = tasks::bytes(4 * mib, 4);
    const Labelled labelled = pool.apply(relabel, Labelled{"old", bytes}, "new");
    EXPECT_EQ(labelled.label, "new");
    EXPECT_EQ(labelled.bytes, bytes);
    EXPECT_EQ(pool.apply(keep, bytes), bytes);
    EXPECT_EQ(pool.apply(doubled, numbers), doubled(numbers));
    EXPECT_EQ(pool.apply(reversed, wide), reversed(wide));
  }
}

TEST_P(LargeMessages, AreSentAlsoByTheLastTaskOfAWorker) {
  PoolOptions with = options(1);
  with.max_tasks_per_child = 2;
  Pool pool(std::move(with));
  const auto bytes = tasks::bytes(3 * mib, 3);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
  EXPECT_TRUE(becomes_true([&] { return pool.stats().restarts >= 2; }));
  EXPECT_EQ(pool.stats().lost, 0U);
}

TEST_P(LargeMessages, MayBeTheStateOfAFunctionObjectThatIsMapped) {
  Pool pool = make_pool(2);
  std::vector<std::uint32_t> items(under_sanitizer ? 40 : 150);
  std::iota(items.begin(), items.end(), 0U);
  static_cast<void>(pool.map([](std::uint32_t x) { return x; }, items));  // now items are known to be fast
  Table table;
  for (std::uint32_t i = 0; i < 700'001; ++i) table.numbers.push_back(i * 7);
  const std::vector<std::uint32_t> found = pool.map(table, items);
  ASSERT_EQ(found.size(), items.size());
  for (const std::uint32_t x : items) ASSERT_EQ(found[x], table(x));
}

TEST_P(LargeMessages, MayBeResultsOfShortItems) {
  Pool pool = make_pool(2);
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 300; ++i) sizes.push_back(i % 50 == 7 ? mib + i : i);
  const auto make = [](std::size_t size) { return tasks::bytes(size, 1); };
  const std::vector<std::vector<std::uint8_t>> made = pool.map(make, sizes);
  ASSERT_EQ(made.size(), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) ASSERT_EQ(made[i], tasks::bytes(sizes[i], 1)) << i;
}

TEST_P(LargeMessages, ThatATaskHasNoUseForCostNothingElse) {
  Pool pool = make_pool(1);
  const auto bytes = tasks::bytes(5 * mib, 5);
  // Whether the task is there is known before its arguments are read.
  const auto absent = named<int(std::vector<std::uint8_t>)>("there is no such task");
  thrown_by<TaskNotFoundError>([&] { pool.apply(absent, bytes); });
  EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
}

TEST_P(LargeMessages, LongAndShortOnesMayMix) {
  Pool pool = make_pool(2);
  std::vector<ApplyResult<std::vector<std::uint8_t>>> handles;
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < (under_sanitizer ? 24 : 60); ++i) {
    // 3 bytes, some that fill much of the ring, some that have to be streamed.
    sizes.push_back(i % 4 == 0 ? 3 : i % 4 == 1 ? 300 * kib + i : i % 4 == 2 ? 2 * mib + i : 100 * i);
    handles.push_back(
        pool.apply_async(tasks::echo_bytes, tasks::bytes(sizes[i], static_cast<std::uint32_t>(i))));
  }
  for (std::size_t i = 0; i < handles.size(); ++i) {
    ASSERT_EQ(handles[i].get(patience), tasks::bytes(sizes[i], static_cast<std::uint32_t>(i))) << i;
  }
}

TEST_P(LargeMessages, SeveralThreadsMaySendManyAtOnce) {
  constexpr std::uint32_t each = under_sanitizer ? 2 : 6;
  Pool pool = make_pool(2);
  std::atomic<std::uint32_t> right{0};
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint32_t i = 0; i < each; ++i) {
        const auto bytes = tasks::bytes(3 * mib + thread * 1000 + i, thread * 100 + i);
        if (pool.apply(tasks::echo_bytes, bytes) == bytes) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4 * each);
}

TEST_P(LargeMessages, MapsOfLongItemsComeBackInOrder) {
  Pool pool = make_pool(2);
  std::vector<std::vector<std::uint8_t>> items;
  for (std::uint32_t i = 0; i < 12; ++i) items.push_back(tasks::bytes(900 * kib + i, i));
  EXPECT_EQ(pool.map(tasks::echo_bytes, items), items);
  EXPECT_EQ(pool.map(tasks::echo_bytes, items, 5), items);
}

TEST_P(LargeMessages, AnArgumentThatIsTooLongIsRefusedAtTheCall) {
  PoolOptions with = options(1);
  with.max_message_size = 1 * MiB;
  Pool pool(std::move(with));
  EXPECT_EQ(pool.apply(size_of, tasks::bytes(mib - overhead, 1)), mib - overhead);
  const auto long_bytes = tasks::bytes(mib + 1, 1);
  EXPECT_THROW(pool.apply_async(size_of, long_bytes), SerializationError);
  EXPECT_THROW(pool.apply_async(size_of, std::tuple{long_bytes}), SerializationError);
  const std::vector<std::vector<std::uint8_t>> items{tasks::bytes(10, 1), long_bytes};
  EXPECT_THROW(pool.map_async(size_of, items), SerializationError);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(LargeMessages, AChunkThatIsTooLongIsRefusedAtTheCall) {
  PoolOptions with = options(1);
  with.max_message_size = 1 * MiB;
  Pool pool(std::move(with));
  const std::vector<std::vector<std::uint8_t>> items(8, tasks::bytes(300 * kib, 1));
  EXPECT_EQ(pool.map(size_of, items, 3), std::vector<std::size_t>(8, 300 * kib));
  EXPECT_THROW(pool.map_async(size_of, items, {.chunksize = 4}), SerializationError);
}

TEST_P(LargeMessages, AResultThatIsTooLongIsAnErrorOfItsJobAlone) {
  PoolOptions with = options(1);
  with.max_message_size = 1 * MiB;
  Pool pool(std::move(with));
  const std::vector<Pid> workers = pool.worker_pids();
  const auto handle = pool.apply_async(tasks::bytes, mib + 1, 1U);
  EXPECT_THROW(handle.get(patience), SerializationError);
  EXPECT_EQ(pool.apply(tasks::bytes, mib - overhead, 1U).size(), mib - overhead);
  EXPECT_EQ(pool.worker_pids(), workers);
}

TEST_P(LargeMessages, AnExceptionWhoseTextIsTooLongIsStillAnErrorOfItsJob) {
  PoolOptions with = options(1);
  with.max_message_size = 1 * MiB;
  Pool pool(std::move(with));
  const std::vector<Pid> workers = pool.worker_pids();
  EXPECT_ANY_THROW(pool.apply(throw_bytes, 3 * mib));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_EQ(pool.worker_pids(), workers);
}

TEST_P(LargeMessages, AResultOfAChunkThatIsTooLongIsAnErrorOfThatChunk) {
  PoolOptions with = options(1);
  with.max_message_size = 1 * MiB;
  Pool pool(std::move(with));
  const std::vector<std::size_t> sizes(8, 300 * kib);
  const auto make = [](std::size_t size) { return tasks::bytes(size, 1); };
  EXPECT_THROW(pool.map(make, sizes, 4), SerializationError);
  EXPECT_EQ(pool.map(make, sizes, 2).size(), 8U);
}

TEST_P(LargeMessages, OneThatWaitedBehindACrashArrivesAtTheNewWorker) {
  Pool pool = make_pool(1);
  for (int round = 0; round < 3; ++round) {
    const auto crash = pool.apply_async(tasks::segfault);
    const auto bytes = tasks::bytes(5 * mib, 5);
    const auto behind = pool.apply_async(tasks::echo_bytes, bytes);
    EXPECT_THROW(crash.get(patience), WorkerLostError);
    EXPECT_EQ(behind.get(patience), bytes);
  }
}

TEST_P(LargeMessages, OneOfACallerThatWaitsArrivesAtTheNewWorkerToo) {
  Pool pool = make_pool(1);
  for (const std::size_t size : {std::size_t{600}, 300 * kib, 5 * mib}) {
    const auto crash = pool.apply_async(tasks::segfault);
    const auto bytes = tasks::bytes(size, 5);
    EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
    EXPECT_THROW(crash.get(patience), WorkerLostError);
  }
}

TEST_P(LargeMessages, ACallerWhosePoolIsTerminatedMayForgetItsArgumentAtOnce) {
  Pool pool = make_pool(1);
  const auto ahead = pool.apply_async(tasks::hang);
  EXPECT_TRUE(becomes_true([&] { return ahead.accepted(); }));
  std::thread caller([&] {
    const auto bytes = tasks::bytes(5 * mib, 5);
    EXPECT_THROW(pool.apply(tasks::echo_bytes, bytes), Terminated);
  });
  const auto both_there = [&] { return pool.stats().queued + pool.stats().running == 2; };
  EXPECT_TRUE(becomes_true(both_there));
  pool.terminate();
  caller.join();
  EXPECT_TRUE(pool.join(patience));
}

TEST_P(LargeMessages, AWorkerThatIsKilledWhileOneIsOnItsWayCostsThatCallAlone) {
  PoolOptions with = options(1);
  with.max_restarts = 1'000'000;
  Pool pool(std::move(with));
  const auto bytes = tasks::bytes(8 * mib, 8);
  for (int round = 0; round < 12; ++round) {
    EXPECT_TRUE(is_whole(pool, 1));
    const std::vector<Pid> workers = pool.worker_pids();
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(500 * round));
      for (const Pid worker : workers) static_cast<void>(try_to_kill(worker));
    });
    try {
      EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
    } catch (const WorkerLostError&) {
    }
    killer.join();
    for (const Pid worker : workers) EXPECT_TRUE(becomes_true([&] { return is_dead(worker); }));
  }
  EXPECT_TRUE(is_whole(pool, 1));
  EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
}

TEST_P(LargeMessages, PassThroughAPoolThatCopiesArgumentsOrIsTraced) {
  const tasks::Gate folder;
  const auto bytes = tasks::bytes(5 * mib, 5);
  PoolOptions asking = options(1);
  asking.synack = true;
  Pool pool(std::move(asking));
  EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
  PoolOptions traced = options(1);
  traced.trace = folder.path() + "/trace.json";
  Pool with_trace(std::move(traced));
  EXPECT_EQ(with_trace.apply(tasks::echo_bytes, bytes), bytes);
}

TEST_P(LargeMessages, OneWhoseTaskCrashesIsLostAlone) {
  Pool pool = make_pool(1);
  const auto bytes = tasks::bytes(5 * mib, 5);
  const auto crash = pool.apply_async(crash_on, bytes);
  const auto behind = pool.apply_async(tasks::echo_bytes, bytes);
  EXPECT_THROW(crash.get(patience), WorkerLostError);
  EXPECT_EQ(behind.get(patience), bytes);
}

TEST_P(LargeMessages, OneOnItsWayToABusyWorkerKeepsNobodyFromTerminating) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto busy = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  const auto stuck = pool.apply_async(tasks::echo_bytes, tasks::bytes(8 * mib, 1));
  EXPECT_FALSE(stuck.wait(std::chrono::milliseconds(20)));
  pool.terminate();
  EXPECT_TRUE(pool.join(patience));
  EXPECT_THROW(stuck.get(), Terminated);
}

}  // namespace
}  // namespace procpool::testing
