// SPDX-License-Identifier: MIT
// map, starmap and their asynchronous forms.
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

class Map : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Map);

std::vector<int> squares_below(int count) {
  std::vector<int> squares;
  for (int i = 0; i < count; ++i) squares.push_back(i * i);
  return squares;
}

JobId job_of(int) {
  return this_task::job_id();
}
void note(std::pair<std::string, int> where_and_what) {
  tasks::append_line(where_and_what.first, std::to_string(where_and_what.second));
}
struct RefuseThenNote {
  std::string file;
  void operator()(int x) const {
    if (x % 10 == 0) throw std::invalid_argument("tenth");
    note({file, x});
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(file);
  }
};
std::vector<int> two_of(int x) {
  return {x, -x};
}
bool odd(int x) {
  return x % 2 != 0;
}

TEST_P(Map, KeepsTheOrderOfTheInput) {
  Pool pool = make_pool(3);
  EXPECT_EQ(pool.map(tasks::square, std::views::iota(0, 5000)), squares_below(5000));
}

TEST_P(Map, TakesAnyInputRange) {
  Pool pool = make_pool();
  const std::vector<int> expected{1, 4, 9};
  EXPECT_EQ(pool.map(tasks::square, std::vector<int>{1, 2, 3}), expected);
  const std::list<int> list{1, 2, 3};
  EXPECT_EQ(pool.map(tasks::square, list), expected);
  std::istringstream text("1 2 3");
  EXPECT_EQ(pool.map(tasks::square, std::ranges::istream_view<int>(text)), expected);
  EXPECT_EQ(pool.map(tasks::square, list | std::views::transform([](int x) { return x + 1; })),
            (std::vector<int>{4, 9, 16}));
}

TEST_P(Map, TakesTheElementsOfAStdMap) {
  Pool pool = make_pool();
  const std::map<std::string, int> lengths{{"a", 1}, {"bb", 2}};
  EXPECT_EQ(
      pool.map([](const std::pair<const std::string, int>& e) { return e.first + std::to_string(e.second); },
               lengths),
      (std::vector<std::string>{"a1", "bb2"}));
  const std::map<int, int> numbers{{1, 2}, {3, 4}};
  EXPECT_EQ(pool.map([](std::pair<const int, int> e) { return e; }, numbers),
            (std::vector<std::pair<int, int>>{{1, 2}, {3, 4}}));
  EXPECT_EQ(pool.map([](std::tuple<const int, std::string> e) { return std::get<1>(e); },
                     std::vector<std::tuple<int, std::string>>{{1, "x"}}),
            std::vector<std::string>{"x"});
}

TEST_P(Map, OfNothingIsNothing) {
  Pool pool = make_pool();
  EXPECT_TRUE(pool.map(tasks::square, std::vector<int>{}).empty());
  EXPECT_TRUE(pool.map(tasks::square, std::vector<int>{}, 16).empty());
  const auto handle = pool.map_async(tasks::square, std::vector<int>{});
  EXPECT_TRUE(handle.get(patience).empty());
  EXPECT_TRUE(handle.ready());
  EXPECT_TRUE(handle.successful());
}

TEST_P(Map, GivesTheSameWithEveryChunksize) {
  Pool pool = make_pool(3);
  for (const std::size_t chunksize : {1U, 2U, 7U, 16U, 99U, 100U, 101U, 5000U}) {
    EXPECT_EQ(pool.map(tasks::square, std::views::iota(0, 100), chunksize), squares_below(100)) << chunksize;
  }
}

TEST_P(Map, AChunkIsOneMessage) {
  Pool pool = make_pool();
  const std::vector<JobId> jobs = pool.map(job_of, std::views::iota(0, 40), 16);
  EXPECT_EQ(std::set<JobId>(jobs.begin(), jobs.end()).size(), 3U);
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i], jobs[i / 16 * 16]) << i;
}

TEST_P(Map, RefusesAChunksizeOfZero) {
  Pool pool = make_pool(1);
  const std::vector<int> items{1};
  EXPECT_THROW(pool.map(tasks::square, items, 0), std::invalid_argument);
  EXPECT_THROW(pool.map_async(tasks::square, items, {.chunksize = 0}), std::invalid_argument);
  const std::vector<std::tuple<int, int>> pairs{{1, 2}};
  EXPECT_THROW(pool.starmap(tasks::add, pairs, 0), std::invalid_argument);
}

TEST_P(Map, ResultsOfEveryKindTravel) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.map(two_of, std::vector<int>{3, 4}), (std::vector<std::vector<int>>{{3, -3}, {4, -4}}));
  EXPECT_EQ(pool.map(odd, std::vector<int>{3, 4}), (std::vector<bool>{true, false}));
  const std::vector<std::string> words{"a", std::string(100, 'b'), ""};
  EXPECT_EQ(pool.map(tasks::echo, words), words);
}

TEST_P(Map, NumbersComeBackWhateverTheirArgumentsTake) {
  Pool pool = make_pool();
  const auto half = [](int x) { return x / 2.0; };
  const auto root = [](double x) { return std::int64_t(x * x); };
  const auto low_byte = [](std::uint64_t x) { return static_cast<unsigned char>(x); };
  const auto area = [](std::int32_t a, std::int32_t b) { return std::int64_t{a} * b; };
  const auto length = [](const std::string& text) { return text.size(); };
  constexpr int count = 3000;
  std::vector<double> halves;
  std::vector<std::int64_t> squares;
  std::vector<unsigned char> low_bytes;
  std::vector<std::int64_t> areas;
  std::vector<std::size_t> lengths;
  std::vector<std::pair<int, int>> sides;
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    halves.push_back(i / 2.0);
    squares.push_back(std::int64_t{i} * i);
    low_bytes.push_back(static_cast<unsigned char>(i));
    areas.push_back(std::int64_t{i} * -i);
    lengths.push_back(static_cast<std::size_t>(i % 50));
    sides.emplace_back(i, -i);
    texts.emplace_back(lengths.back(), 'x');
  }
  const auto numbers = std::views::iota(0, count);
  auto without_size = numbers | std::views::filter([](int) { return true; });
  for (const std::optional<std::size_t> chunksize : {std::optional<std::size_t>(), {1}, {100}}) {
    EXPECT_EQ(pool.map(half, numbers, chunksize), halves);
    EXPECT_EQ(pool.map(half, without_size, chunksize), halves);
    EXPECT_EQ(pool.map(root, numbers, chunksize), squares);
    EXPECT_EQ(pool.map(root, without_size, chunksize), squares);
    EXPECT_EQ(pool.map(low_byte, numbers, chunksize), low_bytes);
    EXPECT_EQ(pool.starmap(area, sides, chunksize), areas);
    EXPECT_EQ(pool.map(length, texts, chunksize), lengths);
    EXPECT_EQ(pool.map_async(half, numbers, {.chunksize = chunksize}).get(patience), halves);
    EXPECT_EQ(pool.map_async(root, numbers, {.chunksize = chunksize}).get(patience), squares);
  }
}

TEST_P(Map, ResultsOfOneLengthAndOfOthersComeBack) {
  Pool pool = make_pool();
  const auto text_of = [](int x) {
    return std::string(x > 2000 && x % 100 < 7 ? static_cast<std::size_t>(x % 9) : 5,
                       static_cast<char>('a' + x % 26));
  };
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) expected.push_back(text_of(i));
  EXPECT_EQ(pool.map(text_of, std::views::iota(0, 5000)), expected);
  EXPECT_EQ(pool.map(tasks::echo, expected), expected);
}

TEST_P(Map, AConversionThatThrowsReachesTheCallerAndNothingIsRun) {
  struct Fragile {
    int value;
    operator int() const {
      if (value == 2) throw std::range_error("the item's own");
      return value;
    }
  };
  Pool pool = make_pool(1);
  EXPECT_THROW(pool.map(tasks::square, std::vector<Fragile>{{1}, {2}, {3}}), std::range_error);
  EXPECT_EQ(pool.stats().done, 0U);
  EXPECT_EQ(pool.map(tasks::square, std::vector<Fragile>{{1}, {3}}), (std::vector<int>{1, 9}));
}

TEST_P(Map, MoveOnlyItemsTravel) {
  Pool pool = make_pool();
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 50; ++i) items.push_back(std::make_unique<int>(i));
  const auto results = pool.map(tasks::add_one, std::move(items), 8);
  ASSERT_EQ(results.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(*results[static_cast<std::size_t>(i)], i + 1);
}

TEST_P(Map, OfATaskWithoutResultRunsItForEachItem) {
  Pool pool = make_pool();
  const tasks::Gate folder;
  const std::string file = folder.path() + "/notes";
  const auto items =
      std::views::iota(0, 100) | std::views::transform([&](int i) { return std::pair(file, i); });
  pool.map(note, items, 7);
  pool.map_async(note, items).get(patience);
  std::multiset<int> seen;
  std::ifstream notes(file);
  for (int number = 0; notes >> number;) seen.insert(number);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen.count(i), 2U) << i;
}

TEST_P(Map, StarmapUnpacksTuplesAndPairs) {
  Pool pool = make_pool();
  EXPECT_EQ(pool.starmap(tasks::add, std::vector<std::tuple<int, int>>{{2, 3}, {4, 5}}),
            (std::vector<int>{5, 9}));
  EXPECT_EQ(pool.starmap(tasks::add, std::vector<std::pair<int, int>>{{2, 3}, {4, 5}}, 2),
            (std::vector<int>{5, 9}));
  const auto handle = pool.starmap_async(tasks::add, std::vector<std::tuple<int, int>>{{2, 3}});
  EXPECT_EQ(handle.get(patience), std::vector<int>{5});
  EXPECT_TRUE(pool.starmap(tasks::add, std::vector<std::tuple<int, int>>{}).empty());
}

TEST_P(Map, ThrowsTheErrorOfTheFirstItemThatFailed) {
  Pool pool = make_pool(3);
  for (const std::size_t chunksize : {1U, 5U, 100U}) {
    const auto error = thrown_by<std::invalid_argument>([&] {
      pool.map(tasks::refuse_odd, std::vector<int>{2, 4, 6, 7, 8, 9, 10, 11}, chunksize);
    });
    EXPECT_STREQ(error.what(), "odd: 7") << chunksize;
  }
}

TEST_P(Map, ThrowsTheErrorOfTheFirstOfManyFastItemsThatFailed) {
  Pool pool = make_pool(2);
  const auto refuse_some = [](int x) {
    if (x > 3000 && x % 500 == 1) throw std::invalid_argument("item " + std::to_string(x));
    return x;
  };
  const auto error =
      thrown_by<std::invalid_argument>([&] { pool.map(refuse_some, std::views::iota(0, 10'000)); });
  EXPECT_STREQ(error.what(), "item 3001");
}

TEST_P(Map, ThrowsWhenThePoolIsTerminatedMeanwhile) {
  Pool pool = make_pool();
  const tasks::Gate gate;
  std::thread ends([&] {
    EXPECT_TRUE(gate.reached(2));
    pool.terminate();
  });
  const auto items = std::views::iota(0, 1000) | std::views::transform([&](int) { return gate.path(); });
  EXPECT_THROW(pool.map([](const std::string& path) { return tasks::wait_at(path, 1); }, items), Terminated);
  ends.join();
  gate.open();
}

TEST_P(Map, ThrowsWhenThePoolIsTerminatedWhileItsItemsAreOnTheirWay) {
  const auto hang_at_first = [](std::int64_t x) { return x % 100'000 == 0 ? tasks::hang() : x; };
  const auto items = std::views::iota(std::int64_t{0}, std::int64_t{1'000'000});
  for (int round = 0; round < 3; ++round) {
    Pool pool = make_pool();
    std::thread ends([&] {
      while (pool.stats().running < 2) std::this_thread::yield();
      pool.terminate();
    });
    // What waits behind the two that hang does not fit into the rings.
    EXPECT_THROW(pool.map(hang_at_first, items, 100'000), Terminated);
    ends.join();
  }
}

TEST_P(Map, TakesARangeThatDoesNotKnowItsSize) {
  struct Liar : std::vector<int> {
    using std::vector<int>::vector;
    std::size_t size() const { return 2; }
  };
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.map(tasks::square, Liar{1, 2, 3, 4}), (std::vector<int>{1, 4, 9, 16}));
}

TEST_P(Map, AFailedItemKeepsNoOtherFromRunning) {
  Pool pool = make_pool();
  const tasks::Gate folder;
  const std::string file = folder.path() + "/notes";
  for (const std::size_t chunksize : {1U, 8U}) {
    std::ofstream(file, std::ios::trunc).flush();
    EXPECT_THROW(pool.map(RefuseThenNote{file}, std::views::iota(0, 50), chunksize), std::invalid_argument);
    std::ifstream notes(file);
    int lines = 0;
    for (std::string line; std::getline(notes, line);) ++lines;
    EXPECT_EQ(lines, 45) << chunksize;
  }
}

TEST_P(Map, AnErrorTellsOfTheWorkerAndTheMessage) {
  Pool pool = make_pool();
  const auto handle = pool.map_async(tasks::refuse_odd, std::vector<int>{2, 4, 7}, {.chunksize = 2});
  try {
    static_cast<void>(handle.get(patience));
    FAIL() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    const auto info = remote_info(error);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->job_id, handle.job_id() + 1);  // the second message
    const auto pids = handle.worker_pids();
    EXPECT_NE(std::find(pids.begin(), pids.end(), info->pid), pids.end());
  }
}

TEST_P(Map, AnErrorOfTheInputReachesTheCallerAndNothingIsRun) {
  Pool pool = make_pool();
  const tasks::Gate folder;
  const std::string file = folder.path() + "/notes";
  const auto input = std::views::iota(0, 10) | std::views::transform([&](int i) {
                       if (i == 5) throw std::range_error("the input's own");
                       return std::pair(file, i);
                     });
  EXPECT_THROW(pool.map(note, input), std::range_error);
  EXPECT_THROW(pool.map_async(note, input, {.chunksize = 2}), std::range_error);
  EXPECT_EQ(pool.apply(tasks::add, 1, 1), 2);
  pool.close();
  pool.join();
  EXPECT_FALSE(std::ifstream(file).is_open());
}

TEST_P(Map, RunsOnAllWorkersAtTheSameTime) {
  Pool pool = make_pool(3);
  const tasks::Gate gate;
  const auto handle = pool.map_async([](const std::string& path) { return tasks::wait_at(path, 1); },
                                     std::vector<std::string>(3, gate.path()));
  EXPECT_TRUE(gate.reached(3));
  EXPECT_FALSE(handle.ready());
  EXPECT_EQ(handle.worker_pids().size(), 3U);
  gate.open();
  EXPECT_EQ(handle.get(patience), (std::vector<int>{1, 1, 1}));
}

TEST_P(Map, AHundredThousandItemsComeBack) {
  Pool pool = make_pool();
  const std::vector<int> results = pool.map([](int x) { return x + 1; }, std::views::iota(0, 100'000));
  std::vector<int> expected(100'000);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(results, expected);
  EXPECT_EQ(results.capacity(), results.size()) << "they were written once, where they are";
}

TEST_P(Map, SeveralMapsAtOnceDoNotMix) {
  Pool pool = make_pool();
  std::vector<MapResult<int>> handles;
  for (int i = 0; i < 20; ++i) {
    handles.push_back(pool.map_async(tasks::square, std::views::iota(i, i + 200),
                                     {.chunksize = static_cast<std::size_t>(i + 1)}));
  }
  for (int i = 0; i < 20; ++i) {
    const std::vector<int> results = handles[static_cast<std::size_t>(i)].get(patience);
    ASSERT_EQ(results.size(), 200U);
    for (int k = 0; k < 200; ++k) ASSERT_EQ(results[static_cast<std::size_t>(k)], (i + k) * (i + k));
  }
}

}  // namespace
}  // namespace procpool::testing
