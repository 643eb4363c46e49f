// SPDX-License-Identifier: MIT
// What a map keeps of its items: their arguments and their results.
#include "jobs/map_results.hpp"

#include <procpool/detail/map_items.hpp>
#include <procpool/errors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

bool add_bytes(MapItems& items, std::size_t count) {
  return items.add([count](ByteBuffer& out) {
    out.extend(count);
    return true;
  });
}

TEST(MapItemsTest, ItemsStandBehindTheirLengthInUnitsOfTheChunksize) {
  MapItems items(3, 1000);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_TRUE(add_bytes(items, i));
  EXPECT_EQ(items.items(), 7U);
  EXPECT_EQ(items.units(), 3U);
  EXPECT_EQ(items.units(0, 1).size(), 3 * 4 + 0 + 1 + 2U);
  EXPECT_EQ(items.units(1, 1).size(), 3 * 4 + 3 + 4 + 5U);
  EXPECT_EQ(items.units(2, 1).size(), 4 + 6U);
  EXPECT_EQ(static_cast<int>(items.units(2, 1)[0]), 6);
}

TEST(MapItemsTest, WhatEncodesNothingOrThrowsIsNoItem) {
  MapItems items(2, 1000);
  EXPECT_TRUE(add_bytes(items, 5));
  EXPECT_FALSE(items.add([](ByteBuffer& out) {
    out.extend(3);
    return false;
  }));
  EXPECT_THROW(items.add([](ByteBuffer& out) -> bool {
    out.extend(3);
    throw std::range_error("no");
  }),
               std::range_error);
  EXPECT_EQ(items.items(), 1U);
  EXPECT_TRUE(add_bytes(items, 6));
  EXPECT_TRUE(add_bytes(items, 7));
  EXPECT_EQ(items.units(), 2U);
  EXPECT_EQ(items.units(0, 1).size(), 2 * 4 + 5 + 6U);
  EXPECT_EQ(items.units(1, 1).size(), 4 + 7U);
}

TEST(MapItemsTest, AUnitIsNoLongerThanAMessage) {
  MapItems items(2, 100);
  EXPECT_TRUE(add_bytes(items, 50));
  EXPECT_THROW(add_bytes(items, 50), SerializationError);  // 8 bytes of lengths, too
  EXPECT_TRUE(add_bytes(items, 42));
  EXPECT_TRUE(add_bytes(items, 96));
  EXPECT_THROW(add_bytes(items, 1), SerializationError);
  EXPECT_EQ(items.items(), 3U);
}

TEST(MapItemsTest, EvenUnitsAndWhatFollowsThemAreFound) {
  for (const std::size_t even : {0U, 1U, 2U, 50U}) {
    MapItems items(1, 1000);
    std::vector<std::size_t> sizes(even, 8);
    sizes.insert(sizes.end(), {0, 9, 8, 8});
    for (const std::size_t size : sizes) EXPECT_TRUE(add_bytes(items, size));
    ASSERT_EQ(items.units(), sizes.size());
    for (std::uint32_t i = 0; i < items.units(); ++i) {
      const auto bytes = items.units(i, 1);
      EXPECT_EQ(bytes.size(), 4 + sizes[i]) << even << " even ones, unit " << i;
      EXPECT_EQ(static_cast<std::size_t>(bytes[0]), sizes[i]) << even << " even ones, unit " << i;
    }
    EXPECT_EQ(items.units(0, items.units()).size(), 4 * sizes.size() + 8 * even + 25);
  }
}

TEST(MapItemsTest, EvenUnitsOfSeveralItemsAreFoundAlsoIfTheLastIsShort) {
  MapItems items(2, 1000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(add_bytes(items, 8));
  ASSERT_EQ(items.units(), 3U);
  EXPECT_EQ(items.units(1, 1).size(), 24U);
  EXPECT_EQ(items.units(2, 1).size(), 12U);
}

/// Items with arguments of the same size, or, if that is 0, of different ones.
class MapResultsTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  MapItems make_items(std::size_t count) {
    MapItems items(1, 1000);
    for (std::size_t i = 0; i < count; ++i) add_bytes(items, GetParam() != 0 ? GetParam() : i % 3);
    return items;
  }
};
INSTANTIATE_TEST_SUITE_P(Arguments, MapResultsTest, ::testing::Values(0, 1, 8, 25),
                         [](const auto& size) { return "Of" + std::to_string(size.param); });

TEST_P(MapResultsTest, WhatIsKeptInAnyOrderIsFound) {
  const auto text_of = [](std::size_t item) {
    return std::string(item * 7 % 30, static_cast<char>('a' + item));
  };
  constexpr std::size_t count = 20;
  MapItems items = make_items(count);
  MapResults results(items);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t item = i * 13 % count;
    const std::string text = text_of(item);
    results.keep(item, std::as_bytes(std::span(text)));
  }
  for (std::size_t item = 0; item < count; ++item) {
    const auto bytes = results[item];
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text_of(item));
  }
}

TEST_P(MapResultsTest, AResultThatIsNoLongerThanItsArgumentsTakesTheirPlaceIfAllAreEven) {
  MapItems items = make_items(3);
  const std::byte* const begin = items.data();
  const std::byte* const end = items.units(2, 1).data() + items.units(2, 1).size();
  MapResults results(items);
  const std::vector<std::byte> result(GetParam());
  results.keep(1, result);
  EXPECT_EQ(results[1].data() >= begin && results[1].data() + result.size() <= end, GetParam() != 0);
}

TEST_P(MapResultsTest, ArgumentsStayUntilTheirOwnResultIsKept) {
  MapItems items = make_items(3);
  const auto bytes_of = [&items](std::uint32_t item) {
    const auto bytes = items.units(item, 1);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  const auto first = bytes_of(0);
  const auto last = bytes_of(2);
  MapResults results(items);
  for (const std::size_t size : {0U, 1U, 12U, 13U, 1000U}) {
    results.keep(1, std::vector<std::byte>(size, std::byte{9}));
    EXPECT_EQ(bytes_of(0), first);
    EXPECT_EQ(bytes_of(2), last);
  }
}

TEST_P(MapResultsTest, WhatManyItemsHaveInCommonIsKeptOnce) {
  MapItems items = make_items(1000);
  MapResults results(items);
  for (const std::size_t size : {5U, 5000U}) {
    const std::vector<std::byte> error(size, std::byte{7});
    results.keep(10, error, 900);
    for (std::size_t item = 10; item < 910; ++item) {
      ASSERT_TRUE(std::ranges::equal(results[item], error));
      if (size == 5000U) {
        ASSERT_EQ(results[item].data(), results[10].data());
      }
    }
  }
}

}  // namespace
}  // namespace procpool::testing
