// SPDX-License-Identifier: MIT
// imap and imap_unordered: lazy in the input, one result after the other.
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <memory>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace procpool::testing {
namespace {

class Imap : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Imap);

int add_one_to(int x) {
  return x + 1;
}
struct Wait {
  std::string gate;
  int operator()(int x) const { return tasks::wait_at(gate, x); }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(gate);
  }
};
struct FirstWaits {
  std::string gate;
  int operator()(int x) const { return x == 0 ? tasks::wait_at(gate, 0) : x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(gate);
  }
};
int fail_at_5(int x) {
  if (x == 5) throw std::range_error("five");
  return x;
}
int crash_at_5(int x) {
  return x == 5 ? tasks::segfault() : x;
}

TEST_P(Imap, GivesResultsInTheOrderOfTheInput) {
  Pool pool = make_pool(3);
  int expected = 0;
  for (const int value : pool.imap(tasks::square, std::views::iota(0, 500))) {
    EXPECT_EQ(value, expected * expected);
    ++expected;
  }
  EXPECT_EQ(expected, 500);
}

TEST_P(Imap, GivesTheSameWithEveryChunksize) {
  Pool pool = make_pool();
  for (const std::size_t chunksize : {1U, 2U, 7U, 100U, 101U}) {
    int expected = 0;
    for (const int value : pool.imap(tasks::square, std::views::iota(0, 100), chunksize)) {
      ASSERT_EQ(value, expected * expected) << chunksize;
      ++expected;
    }
    EXPECT_EQ(expected, 100);
    std::multiset<int> unordered;
    for (const int value : pool.imap_unordered(add_one_to, std::views::iota(0, 100), chunksize)) {
      unordered.insert(value);
    }
    EXPECT_EQ(unordered.size(), 100U);
    EXPECT_EQ(std::set<int>(unordered.begin(), unordered.end()).size(), 100U);
    EXPECT_EQ(*unordered.begin(), 1);
    EXPECT_EQ(*unordered.rbegin(), 100);
  }
}

TEST_P(Imap, RefusesAChunksizeOfZero) {
  Pool pool = make_pool(1);
  EXPECT_THROW(pool.imap(tasks::square, std::views::iota(0, 3), 0), std::invalid_argument);
  EXPECT_THROW(pool.imap_unordered(tasks::square, std::views::iota(0, 3), 0), std::invalid_argument);
}

TEST_P(Imap, OfNothingIsNothing) {
  Pool pool = make_pool(1);
  auto results = pool.imap(tasks::square, std::vector<int>{});
  EXPECT_EQ(results.next(patience), std::nullopt);
  EXPECT_EQ(results.next(patience), std::nullopt);
  for (const int value : pool.imap_unordered(tasks::square, std::vector<int>{})) ADD_FAILURE() << value;
}

TEST_P(Imap, UnorderedGivesWhatIsDoneFirst) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  auto results = pool.imap_unordered(FirstWaits{gate.path()}, std::views::iota(0, 6));
  std::set<int> early;
  for (int i = 0; i < 5; ++i) early.insert(results.next(patience).value());
  EXPECT_EQ(early, (std::set<int>{1, 2, 3, 4, 5}));
  gate.open();
  EXPECT_EQ(results.next(patience), 0);
  EXPECT_EQ(results.next(patience), std::nullopt);
}

TEST_P(Imap, OrderedHoldsBackWhatIsDoneTooEarly) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  auto results = pool.imap(FirstWaits{gate.path()}, std::views::iota(0, 6));
  EXPECT_THROW(results.next(std::chrono::milliseconds(20)), TimeoutError);
  gate.open();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(results.next(patience), i);
}

TEST_P(Imap, ReadsAnEndlessInputOnlyABitAhead) {
  Pool pool = make_pool(2);
  constexpr int most_ahead = 10'000;
  for (const bool ordered : {true, false}) {
    for (const std::size_t chunksize : {1U, 10U}) {
      int read = 0;
      auto input = std::views::iota(0) | std::views::transform([&read](int i) {
                     ++read;
                     return i;
                   });
      auto results = ordered ? pool.imap(add_one_to, input, chunksize)
                             : pool.imap_unordered(add_one_to, input, chunksize);
      EXPECT_EQ(read, 0);
      for (int i = 0; i < 100; ++i) {
        const int value = results.next(patience).value();
        if (ordered) {
          EXPECT_EQ(value, i + 1);
        }
        ASSERT_LE(read, i + 1 + most_ahead);
      }
      EXPECT_GE(read, 100);
    }
  }
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(Imap, RunsWhatWasReadAheadWhileNobodyTakesResults) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  auto results = pool.imap(Wait{gate.path()}, std::views::iota(0, 10));
  EXPECT_THROW(results.next(Duration::zero()), TimeoutError);
  EXPECT_TRUE(gate.reached(2));
  gate.open();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(results.next(patience), i);
}

TEST_P(Imap, TheErrorOfAnItemStandsInItsPlaceAndTheIterationGoesOn) {
  Pool pool = make_pool();
  for (const std::size_t chunksize : {1U, 3U}) {
    auto results = pool.imap(tasks::refuse_odd, std::views::iota(0, 8), chunksize);
    for (int i = 0; i < 8; ++i) {
      if (i % 2 == 0) {
        EXPECT_EQ(results.next(patience), i);
      } else {
        const auto error = thrown_by<std::invalid_argument>([&] { results.next(patience); });
        EXPECT_EQ(error.what(), "odd: " + std::to_string(i));
      }
    }
    EXPECT_EQ(results.next(patience), std::nullopt);
  }
}

TEST_P(Imap, AnIteratorThrowsTheErrorOfItsItemAndCanGoOn) {
  Pool pool = make_pool();
  auto results = pool.imap(tasks::refuse_odd, std::views::iota(0, 5));
  std::string seen;
  for (auto it = results.begin(); it != results.end(); ++it) {
    try {
      seen += std::to_string(*it);
    } catch (const std::invalid_argument&) {
      seen += 'x';
    }
  }
  EXPECT_EQ(seen, "0x2x4");
}

TEST_P(Imap, UnorderedGivesEachErrorOnce) {
  Pool pool = make_pool();
  auto results = pool.imap_unordered(tasks::refuse_odd, std::views::iota(0, 20), 3);
  std::set<int> values;
  std::set<std::string> errors;
  for (int i = 0; i < 20; ++i) {
    try {
      values.insert(results.next(patience).value());
    } catch (const std::invalid_argument& error) {
      errors.insert(error.what());
    }
  }
  EXPECT_EQ(results.next(patience), std::nullopt);
  EXPECT_EQ(values.size(), 10U);
  EXPECT_EQ(errors.size(), 10U);
}

TEST_P(Imap, AnErrorOfTheInputComesAfterTheItemsBeforeIt) {
  Pool pool = make_pool();
  for (const bool ordered : {true, false}) {
    for (const std::size_t chunksize : {1U, 4U, 100U}) {
      auto input = std::views::iota(0) | std::views::transform([](int i) {
                     if (i == 10) throw std::range_error("the input's own");
                     return i;
                   });
      auto results = ordered ? pool.imap(tasks::square, input, chunksize)
                             : pool.imap_unordered(tasks::square, input, chunksize);
      std::multiset<int> values;
      for (int i = 0; i < 10; ++i) values.insert(results.next(patience).value());
      EXPECT_EQ(*values.rbegin(), 81);
      EXPECT_STREQ(thrown_by<std::range_error>([&] { results.next(patience); }).what(), "the input's own");
      EXPECT_EQ(results.next(patience), std::nullopt);
    }
  }
}

TEST_P(Imap, ATimeoutLosesNoResult) {
  Pool pool = make_pool(1);
  for (const bool ordered : {true, false}) {
    const tasks::Gate gate;
    auto results = ordered ? pool.imap(Wait{gate.path()}, std::views::iota(0, 3))
                           : pool.imap_unordered(Wait{gate.path()}, std::views::iota(0, 3));
    EXPECT_THROW(results.next(std::chrono::milliseconds(10)), TimeoutError);
    EXPECT_THROW(results.next(Duration::zero()), TimeoutError);
    gate.open();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(results.next(patience), i);
    EXPECT_EQ(results.next(Duration::zero()), std::nullopt);
  }
}

TEST_P(Imap, TheTimeoutAlsoEndsTheWaitForRoomInTheQueue) {
  PoolOptions full = options(1);
  full.max_queued_jobs = 1;
  Pool pool(std::move(full));
  for (const bool ordered : {true, false}) {
    const tasks::Gate gate;
    const auto other = pool.apply_async(tasks::wait_at, gate.path(), 7);
    auto results = ordered ? pool.imap(add_one_to, std::views::iota(0, 3))
                           : pool.imap_unordered(add_one_to, std::views::iota(0, 3));
    EXPECT_THROW(results.next(std::chrono::milliseconds(10)), TimeoutError);
    EXPECT_THROW(results.next(Duration::zero()), TimeoutError);
    gate.open();
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(results.next(patience), i);
    EXPECT_EQ(results.next(patience), std::nullopt);
    EXPECT_EQ(other.get(patience), 7);
  }
}

TEST_P(Imap, ReadsNoFurtherAheadThanThereIsRoomInTheQueue) {
  PoolOptions full = options(1);
  full.max_queued_jobs = 1;
  Pool pool(std::move(full));
  const tasks::Gate gate;
  auto results = pool.imap(Wait{gate.path()}, std::views::iota(0, 3));
  EXPECT_THROW(results.next(std::chrono::milliseconds(10)), TimeoutError);
  gate.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(results.next(patience), i);
}

TEST_P(Imap, OfATaskWithoutResultGivesOneForEachItem) {
  Pool pool = make_pool();
  int count = 0;
  for ([[maybe_unused]] const std::monostate done : pool.imap([](int) {}, std::views::iota(0, 30), 4))
    ++count;
  EXPECT_EQ(count, 30);
}

TEST_P(Imap, MoveOnlyItemsAndResultsTravel) {
  Pool pool = make_pool();
  auto input =
      std::views::iota(0, 20) | std::views::transform([](int i) { return std::make_unique<int>(i); });
  int expected = 1;
  for (const std::unique_ptr<int>& value : pool.imap(tasks::add_one, input)) {
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(*value, expected++);
  }
  EXPECT_EQ(expected, 21);
}

TEST_P(Imap, KeepsAnLvalueByReferenceAndATemporaryByValue) {
  Pool pool = make_pool(1);
  std::vector<int> items{1, 2};
  auto by_reference = pool.imap(tasks::square, items);
  items[1] = 5;  // not read yet
  EXPECT_EQ(by_reference.next(patience), 1);
  EXPECT_EQ(by_reference.next(patience), 25);
  auto by_value = pool.imap(tasks::square, std::vector<int>{3, 4});
  EXPECT_EQ(by_value.next(patience), 9);
  EXPECT_EQ(by_value.next(patience), 16);
}

TEST_P(Imap, GoesOnWhereAnIterationHasStopped) {
  Pool pool = make_pool();
  auto results = pool.imap(add_one_to, std::views::iota(0, 10));
  for (const int value : results) {
    if (value == 3) break;
  }
  EXPECT_EQ(results.next(patience), 4);
  int rest = 0;
  for (const int value : results) rest += value;
  EXPECT_EQ(rest, 5 + 6 + 7 + 8 + 9 + 10);
}

TEST_P(Imap, WhatAnIteratorStandsAtCanBeLookedAtAgain) {
  Pool pool = make_pool();
  auto results = pool.imap(fail_at_5, std::views::iota(0, 10));
  std::vector<int> even;
  int errors = 0;
  auto at = results.begin();
  while (at != results.end()) {
    try {
      if (*at % 2 == 0) even.push_back(*at);
    } catch (const std::range_error&) {
      ++errors;
      EXPECT_THROW(static_cast<void>(*at), std::range_error);
    }
    ++at;
  }
  EXPECT_EQ(even, (std::vector<int>{0, 2, 4, 6, 8}));
  EXPECT_EQ(errors, 1);
}

TEST_P(Imap, IsAnInputRangeForViewsAndAlgorithms) {
  Pool pool = make_pool();
  auto numbers = pool.imap(add_one_to, std::views::iota(0, 10));
  std::vector<int> even;
  for (const int value : numbers | std::views::filter([](int v) { return v % 2 == 0; }))
    even.push_back(value);
  EXPECT_EQ(even, (std::vector<int>{2, 4, 6, 8, 10}));
  auto more = pool.imap(add_one_to, std::views::iota(0, 10));
  const auto found = std::ranges::find(more, 5);
  ASSERT_NE(found, more.end());
  EXPECT_EQ(*found, 5);
}

TEST_P(Imap, MayBeAbandonedAtAnyMoment) {
  Pool pool = make_pool();
  for (int taken = 0; taken < 20; ++taken) {
    auto results = taken % 2 == 0 ? pool.imap(tasks::square, std::views::iota(0), 3)
                                  : pool.imap_unordered(tasks::square, std::views::iota(0));
    for (int i = 0; i < taken; ++i) static_cast<void>(results.next(patience));
  }
  EXPECT_EQ(pool.map(tasks::square, std::vector<int>{1, 2}), (std::vector<int>{1, 4}));
}

TEST_P(Imap, MayBeMoved) {
  Pool pool = make_pool();
  auto first = pool.imap(tasks::square, std::views::iota(0, 5));
  EXPECT_EQ(first.next(patience), 0);
  auto second = std::move(first);
  EXPECT_EQ(second.next(patience), 1);
  first = std::move(second);
  EXPECT_EQ(first.next(patience), 4);
}

TEST_P(Imap, SeveralAtOnceDoNotMix) {
  Pool pool = make_pool();
  auto a = pool.imap(tasks::square, std::views::iota(0));
  auto b = pool.imap(tasks::square, std::views::iota(1000), 5);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(a.next(patience), i * i);
    ASSERT_EQ(b.next(patience), (1000 + i) * (1000 + i));
  }
}

TEST_P(Imap, ACrashLosesItsItemAlone) {
  Pool pool = make_pool(2);
  auto results = pool.imap(crash_at_5, std::views::iota(0, 12));
  for (int i = 0; i < 12; ++i) {
    if (i == 5) {
      EXPECT_THROW(results.next(patience), WorkerLostError);
    } else {
      EXPECT_EQ(results.next(patience), i);
    }
  }
  EXPECT_EQ(results.next(patience), std::nullopt);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Imap, ACrashInAChunkLosesThatChunkAlone) {
  Pool pool = make_pool(2);
  auto results = pool.imap(crash_at_5, std::views::iota(0, 12), 4);
  for (int i = 0; i < 12; ++i) {
    if (i >= 4 && i < 8) {
      EXPECT_THROW(results.next(patience), WorkerLostError) << i;
    } else {
      EXPECT_EQ(results.next(patience), i);
    }
  }
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Imap, OfAClosedPoolThrowsAtTheCall) {
  Pool pool = make_pool(1);
  pool.close();
  EXPECT_THROW(pool.imap(tasks::square, std::views::iota(0)), PoolClosedError);
  EXPECT_THROW(pool.imap_unordered(tasks::square, std::views::iota(0)), PoolClosedError);
}

TEST_P(Imap, OfAPoolThatIsClosedMeanwhileGivesWhatWasSubmittedAndThenTheError) {
  Pool pool = make_pool(1);
  auto results = pool.imap(add_one_to, std::views::iota(0));
  EXPECT_EQ(results.next(patience), 1);
  pool.close();
  bool refused = false;
  for (int i = 2; i < 100'000 && !refused; ++i) {
    try {
      ASSERT_EQ(results.next(patience), i);
    } catch (const PoolClosedError&) {
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(results.next(patience), std::nullopt);
}

TEST_P(Imap, OneThatWasMovedFromSaysSo) {
  Pool pool = make_pool(1);
  auto moved = pool.imap(add_one_to, std::vector{1, 2});
  auto results = std::move(moved);
  EXPECT_THROW(moved.next(), std::logic_error);
  EXPECT_EQ(results.next(patience), 2);
}

TEST_P(Imap, OfAPoolThatIsTerminatedMeanwhileEnds) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  auto results = pool.imap(Wait{gate.path()}, std::views::iota(0));
  EXPECT_THROW(results.next(Duration::zero()), TimeoutError);
  ASSERT_TRUE(gate.reached(1));
  pool.terminate();
  EXPECT_THROW(results.next(patience), Terminated);
}

}  // namespace
}  // namespace procpool::testing
