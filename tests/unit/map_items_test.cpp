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

std::vector<int> numbers_in(std::span<const std::byte> bytes) {
  std::vector<int> numbers;
  for (const std::byte byte : bytes) numbers.push_back(static_cast<int>(byte));
  return numbers;
}

TEST(MapItemsTest, ItemsOfDifferentLengthsStandBehindThemInUnitsOfTheChunksize) {
  MapItems items(3, 1000);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_TRUE(add_bytes(items, i));
  EXPECT_EQ(items.items(), 7U);
  EXPECT_EQ(items.units(), 3U);
  EXPECT_FALSE(items.even());
  EXPECT_EQ(items.units(0, 1).size(), 3 * 4 + 0 + 1 + 2U);
  EXPECT_EQ(items.units(1, 1).size(), 3 * 4 + 3 + 4 + 5U);
  EXPECT_EQ(items.units(2, 1).size(), 4 + 6U);
  EXPECT_EQ(static_cast<int>(items.units(2, 1)[0]), 6);
}

TEST(MapItemsTest, ItemsOfOneLengthTakeNothingElse) {
  MapItems items(2, 1000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(add_bytes(items, 8));
  EXPECT_TRUE(items.even());
  EXPECT_EQ(items.item_size(), 8U);
  ASSERT_EQ(items.units(), 3U);
  EXPECT_EQ(items.units(0, 3).size(), 40U);
  EXPECT_EQ(items.units(1, 1).size(), 16U);
  EXPECT_EQ(items.units(1, 1).data(), items.data() + 16);
  EXPECT_EQ(items.units(2, 1).size(), 8U);
}

TEST(MapItemsTest, ItemsOfNothingAreCounted) {
  MapItems items(2, 1000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(add_bytes(items, 0));
  EXPECT_EQ(items.items(), 5U);
  EXPECT_EQ(items.units(), 3U);
  EXPECT_EQ(items.units(0, 3).size(), 0U);
  EXPECT_EQ(items.units_within(0, 3, 0), 3U);
}

TEST(MapItemsTest, TheFirstOfAnotherLengthGivesAllOfThemTheirLengths) {
  for (const std::uint32_t chunksize : {1U, 2U, 3U, 100U}) {
    MapItems items(chunksize, 1000);
    const auto add = [&items](std::vector<std::byte> bytes) {
      EXPECT_TRUE(items.add([&](ByteBuffer& out) {
        out.append(bytes);
        return true;
      }));
    };
    for (unsigned char i = 1; i <= 4; ++i) add({std::byte{i}, std::byte{i}});
    add({std::byte{5}});
    add({std::byte{6}, std::byte{6}});
    EXPECT_FALSE(items.even());
    EXPECT_EQ(items.items(), 6U);
    ASSERT_EQ(items.units(), (5 + chunksize) / chunksize);
    EXPECT_EQ(numbers_in(items.units(0, items.units())),
              (std::vector<int>{2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 2, 2, 2, 0, 0, 0, 3, 3,
                                2, 0, 0, 0, 4, 4, 1, 0, 0, 0, 5, 2, 0, 0, 0, 6, 6}));
    std::size_t sum = 0;
    for (std::uint32_t unit = 0; unit < items.units(); ++unit) sum += items.units(unit, 1).size();
    EXPECT_EQ(sum, 35U);
  }
}

TEST(MapItemsTest, WhatEncodesNothingOrThrowsIsNoItem) {
  MapItems items(2, 1000);
  const auto add_none = [&items] {
    EXPECT_FALSE(items.add([](ByteBuffer& out) {
      out.extend(3);
      return false;
    }));
    EXPECT_THROW(items.add([](ByteBuffer& out) -> bool {
      out.extend(3);
      throw std::range_error("no");
    }),
                 std::range_error);
  };
  add_none();
  EXPECT_TRUE(add_bytes(items, 5));
  add_none();
  EXPECT_EQ(items.items(), 1U);
  EXPECT_TRUE(items.even());
  EXPECT_TRUE(add_bytes(items, 6));
  add_none();
  EXPECT_TRUE(add_bytes(items, 7));
  EXPECT_EQ(items.units(), 2U);
  EXPECT_EQ(items.units(0, 1).size(), 2 * 4 + 5 + 6U);
  EXPECT_EQ(items.units(1, 1).size(), 4 + 7U);
}

TEST(MapItemsTest, AUnitIsNoLongerThanAMessage) {
  MapItems items(2, 100);
  EXPECT_TRUE(add_bytes(items, 50));
  EXPECT_THROW(add_bytes(items, 51), SerializationError);
  EXPECT_THROW(add_bytes(items, 43), SerializationError);  // and 8 bytes of lengths, too
  EXPECT_TRUE(items.even());
  EXPECT_TRUE(add_bytes(items, 42));
  EXPECT_TRUE(add_bytes(items, 96));
  EXPECT_THROW(add_bytes(items, 1), SerializationError);
  EXPECT_EQ(items.items(), 3U);
}

TEST(MapItemsTest, AFullUnitOfOneLengthHasNoRoomForLengths) {
  MapItems items(2, 100);
  EXPECT_TRUE(add_bytes(items, 50));
  EXPECT_TRUE(add_bytes(items, 50));
  EXPECT_THROW(add_bytes(items, 1), SerializationError);
  EXPECT_TRUE(items.even());
  EXPECT_TRUE(add_bytes(items, 50));
  EXPECT_EQ(items.items(), 3U);
}

TEST(MapItemsTest, UnitsOfUnevenItemsAreFound) {
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
      EXPECT_EQ(items.without_length(bytes).size(), sizes[i]);
    }
    EXPECT_EQ(items.units(0, items.units()).size(), 4 * sizes.size() + 8 * even + 25);
  }
}

TEST(MapItemsTest, WhatIsLentIsUsedWhereItLies) {
  std::vector<std::byte> lent(40);
  MapItems items(2, lent, 5);
  EXPECT_EQ(items.items(), 5U);
  EXPECT_EQ(items.units(), 3U);
  EXPECT_EQ(items.item_size(), 8U);
  EXPECT_EQ(items.data(), lent.data());
  EXPECT_EQ(items.units(2, 1).data(), lent.data() + 32);
  EXPECT_EQ(items.units(2, 1).size(), 8U);
  EXPECT_EQ(MapItems(1, {}, 0).units(), 0U);
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
    results.keep_value(item, std::as_bytes(std::span(text)));
  }
  for (std::size_t item = 0; item < count; ++item) {
    const auto bytes = results[item];
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text_of(item));
  }
}

TEST_P(MapResultsTest, AValueThatIsNoLongerThanItsArgumentsTakesTheirPlaceIfAllAreEven) {
  MapItems items = make_items(3);
  const std::byte* const begin = items.data();
  const std::byte* const end = items.units(2, 1).data() + items.units(2, 1).size();
  MapResults results(items);
  const std::vector<std::byte> result(GetParam());
  results.keep_value(1, result);
  if (GetParam() != 0) {
    EXPECT_TRUE(results[1].data() >= begin && results[1].data() + result.size() <= end);
  }
  EXPECT_TRUE(results.all_in_place());
  results.keep_value(2, std::vector<std::byte>(GetParam() + 1));
  EXPECT_EQ(results[2].size(), GetParam() + 1);
  EXPECT_FALSE(results.all_in_place());
}

TEST_P(MapResultsTest, ValuesOfOneLengthAreKeptTogether) {
  MapItems items = make_items(6);
  MapResults results(items);
  std::vector<std::byte> bytes;
  for (unsigned char i = 0; i < 8; ++i) bytes.push_back(std::byte{i});
  results.keep_values(1, 4, bytes);
  results.keep_values(5, 1, std::vector<std::byte>(3, std::byte{9}));
  for (unsigned char i = 0; i < 4; ++i) {
    ASSERT_EQ(results[i + 1U].size(), 2U);
    EXPECT_EQ(results[i + 1U][0], bytes[2U * i]);
    EXPECT_EQ(results[i + 1U][1], bytes[2U * i + 1]);
  }
  EXPECT_EQ(results[5].size(), 3U);
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
    results.keep_value(1, std::vector<std::byte>(size, std::byte{9}));
    results.keep_error(1, 1, std::vector<std::byte>(size, std::byte{9}));
    EXPECT_EQ(bytes_of(0), first);
    EXPECT_EQ(bytes_of(2), last);
  }
}

TEST_P(MapResultsTest, WhatManyItemsHaveInCommonIsKeptOnce) {
  MapItems items = make_items(1000);
  MapResults results(items);
  for (const std::size_t size : {5U, 5000U}) {
    const std::vector<std::byte> error(size, std::byte{7});
    results.keep_error(10, 900, error);
    for (std::size_t item = 10; item < 910; ++item) {
      ASSERT_TRUE(std::ranges::equal(results[item], error));
      if (size == 5000U) {
        ASSERT_EQ(results[item].data(), results[10].data());
      }
    }
  }
}

TEST_P(MapResultsTest, ValuesOfTheSizeOfTheirPlacesGoThere) {
  MapItems items = make_items(4);
  std::vector<std::byte> places(4 * 2);
  MapResults results(items, places.data(), 2);
  const std::vector<std::byte> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  results.keep_values(1, 2, bytes);
  EXPECT_EQ(numbers_in(places), (std::vector<int>{0, 0, 1, 2, 3, 4, 0, 0}));
  EXPECT_TRUE(results.all_in_place());
  results.keep_value(0, std::vector<std::byte>(1));
  results.keep_error(3, 1, std::vector<std::byte>(2));
  EXPECT_EQ(numbers_in(places), (std::vector<int>{0, 0, 1, 2, 3, 4, 0, 0}));
  EXPECT_FALSE(results.all_in_place());
  EXPECT_EQ(results[0].size(), 1U);
  EXPECT_EQ(results[2].data(), places.data() + 4);
}

}  // namespace
}  // namespace procpool::testing
