// SPDX-License-Identifier: MIT
// Bytes that no encode() wrote: every one of them is a value or a SerializationError, in bounded time and
// memory.
#include "helpers/node_list.hpp"
#include "helpers/sanitizers.hpp"

#include <procpool/codec.hpp>
#include <procpool/errors.hpp>
#include <procpool/exception.hpp>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace {

using procpool::SerializationError;
using procpool::detail::ByteBuffer;
using procpool::detail::decode;
using procpool::detail::encode;

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
  friend bool operator<(const Empty&, const Empty&) { return false; }
};
struct HashEmpty {
  std::size_t operator()(const Empty&) const { return 0; }
};

/// Something of everything.
struct Everything {
  bool flag = true;
  std::string text = "text";
  std::vector<int> numbers{1, 2, 3};
  std::vector<bool> bits{true, false};
  std::vector<std::string> texts{"a", "bc"};
  std::array<bool, 4> flags{true, true};
  std::map<std::string, std::vector<double>> map{{"k", {1.0}}};
  std::unordered_map<int, std::string> hash{{1, "x"}};
  std::unordered_set<int> set{1, 2};
  std::optional<std::list<int>> maybe = std::list<int>{1};
  std::variant<int, std::string, std::vector<int>> either = std::string("v");
  std::shared_ptr<std::string> shared = std::make_shared<std::string>("s");
  std::shared_ptr<std::string> same = shared;
  std::shared_ptr<std::vector<int>> other = std::make_shared<std::vector<int>>(3);
  std::unique_ptr<std::deque<int>> unique = std::make_unique<std::deque<int>>(2);
  std::forward_list<std::string> forward{"f"};
  std::bitset<12> bitset{0xabc};
  std::tuple<int, std::string> tuple{1, "t"};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(flag, text, numbers, bits, texts, flags, map, hash, set, maybe, either, shared, same, other,
            unique, forward, bitset, tuple);
  }
};

std::vector<std::byte> bytes_of(const ByteBuffer& buffer) {
  return {buffer.view().begin(), buffer.view().end()};
}

/// True if the bytes were a T. Any exception but SerializationError is a failure.
template <class T>
bool decodes(std::span<const std::byte> bytes) {
  try {
    static_cast<void>(decode<T>(bytes));
    return true;
  } catch (const SerializationError&) {
    return false;
  }
}

template <class T>
void expect_huge_counts_refused(const char* what) {
  for (const std::uint64_t count : {std::uint64_t{1} << 21, std::uint64_t{1} << 32, std::uint64_t{1} << 60,
                                    std::numeric_limits<std::uint64_t>::max()}) {
    std::array<std::byte, 24> bytes{};
    std::memcpy(bytes.data(), &count, sizeof count);
    EXPECT_FALSE(decodes<T>(bytes)) << what << " of " << count;
  }
}

TEST(HostileBytes, EveryTruncationIsRefused) {
  ByteBuffer buffer;
  encode(buffer, Everything());
  ASSERT_TRUE(decodes<Everything>(buffer.view()));
  for (std::size_t length = 0; length < buffer.size(); ++length) {
    EXPECT_FALSE(decodes<Everything>(buffer.view().first(length))) << length << " bytes";
  }
}

TEST(HostileBytes, BytesThatAreLeftOverAreRefused) {
  ByteBuffer number;
  encode(number, 1);
  number.append("x", 1);
  EXPECT_FALSE(decodes<int>(number.view()));
  ByteBuffer everything;
  encode(everything, Everything());
  everything.append("x", 1);
  EXPECT_FALSE(decodes<Everything>(everything.view()));
}

TEST(HostileBytes, HugeCountsAreRefusedBeforeAnythingIsAllocated) {
  expect_huge_counts_refused<std::string>("string");
  expect_huge_counts_refused<std::vector<int>>("vector<int>");
  expect_huge_counts_refused<std::vector<bool>>("vector<bool>");
  expect_huge_counts_refused<std::vector<std::string>>("vector<string>");
  expect_huge_counts_refused<std::deque<std::string>>("deque");
  expect_huge_counts_refused<std::list<int>>("list");
  expect_huge_counts_refused<std::forward_list<int>>("forward_list");
  expect_huge_counts_refused<std::set<int>>("set");
  expect_huge_counts_refused<std::unordered_set<int>>("unordered_set");
  expect_huge_counts_refused<std::map<int, int>>("map");
  expect_huge_counts_refused<std::unordered_map<int, std::string>>("unordered_map");
  expect_huge_counts_refused<std::vector<Empty>>("vector of empty elements");
  expect_huge_counts_refused<std::multiset<Empty>>("multiset of empty elements");
  expect_huge_counts_refused<std::unordered_multiset<Empty, HashEmpty>>(
      "unordered_multiset of empty elements");
}

TEST(HostileBytes, EmptyElementsAreBoundedInTheWholeMessage) {
  // 8 bytes buy a vector of a million elements that take no byte each: not twice in one message.
  const std::uint64_t count = procpool::archives::max_empty_elements;
  ByteBuffer once;
  encode(once, std::uint64_t{1}, count);
  EXPECT_TRUE(decodes<std::vector<std::vector<Empty>>>(once.view()));
  ByteBuffer twice;
  encode(twice, std::uint64_t{2}, count, count);
  EXPECT_FALSE(decodes<std::vector<std::vector<Empty>>>(twice.view()));
}

TEST(HostileBytes, DeepNestingIsRefusedBeforeItOverflowsTheStack) {
  ByteBuffer buffer;
  for (int i = 0; i < 1'000'000; ++i) {
    const int value = i;
    const bool more = true;
    buffer.append(&value, sizeof value);
    buffer.append(&more, 1);
  }
  EXPECT_FALSE(decodes<procpool::test::Node>(buffer.view()));
}

TEST(HostileBytes, ABoolIsTrueOrFalseWhateverItsByte) {
  const std::array<std::byte, 4> bytes{std::byte{2}, std::byte{255}, std::byte{0}, std::byte{1}};
  const auto flags = decode<std::array<bool, 4>>(bytes);
  EXPECT_EQ(flags, (std::array<bool, 4>{true, true, false, true}));
  EXPECT_EQ(decode<bool>(std::span(bytes).first(1)), true);
}

TEST(HostileBytes, AnUnknownAlternativeOfAVariantIsRefused) {
  for (const std::int32_t index : {-1, 3, 1'000'000, std::numeric_limits<std::int32_t>::min()}) {
    ByteBuffer buffer;
    encode(buffer, index, 0);
    EXPECT_FALSE((decodes<std::variant<int, float, char>>(buffer.view()))) << index;
  }
}

TEST(HostileBytes, APointerIdCannotTurnOneTypeIntoAnother) {
  using Pointers = std::tuple<std::shared_ptr<int>, std::shared_ptr<std::string>>;
  constexpr std::uint32_t is_new = 0x80000000;
  ByteBuffer buffer;
  encode(buffer, std::uint32_t{1} | is_new, 7, std::uint32_t{1});
  EXPECT_FALSE(decodes<Pointers>(buffer.view()));
}

TEST(HostileBytes, UnknownAndRepeatedPointerIdsAreRefused) {
  using Pointers = std::vector<std::shared_ptr<int>>;
  constexpr std::uint32_t is_new = 0x80000000;
  ByteBuffer unknown;
  encode(unknown, std::uint64_t{1}, std::uint32_t{5});
  EXPECT_FALSE(decodes<Pointers>(unknown.view()));
  ByteBuffer repeated;
  encode(repeated, std::uint64_t{2}, std::uint32_t{1} | is_new, 7, std::uint32_t{1} | is_new, 8);
  EXPECT_FALSE(decodes<Pointers>(repeated.view()));
}

constexpr int rounds =
    procpool::testing::under_sanitizer || procpool::testing::unoptimized ? 20'000 : 100'000;

TEST(HostileBytes, RandomBytesAreRefusedOrAreAValue) {
  std::mt19937 random(20240501);  // NOLINT(cert-msc51-cpp): the same bytes each time
  std::vector<std::byte> bytes;
  int accepted = 0;
  for (int i = 0; i < rounds; ++i) {
    bytes.resize(random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 3);
    if (i % 4 == 0) accepted += decodes<std::vector<std::string>>(bytes) ? 1 : 0;
    if (i % 4 == 1) accepted += decodes<std::map<std::uint8_t, std::vector<bool>>>(bytes) ? 1 : 0;
    if (i % 4 == 2) accepted += decodes<std::vector<std::shared_ptr<std::vector<int>>>>(bytes) ? 1 : 0;
    if (i % 4 == 3) accepted += decodes<procpool::test::Node>(bytes) ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
}

TEST(HostileBytes, DamagedMessagesAreRefusedOrAreAValue) {
  ByteBuffer buffer;
  encode(buffer, Everything());
  const std::vector<std::byte> good = bytes_of(buffer);
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int i = 0; i < rounds; ++i) {
    std::vector<std::byte> bad = good;
    for (std::uint32_t damage = random() % 4 + 1; damage > 0; --damage) {
      bad[random() % bad.size()] = static_cast<std::byte>(random());
    }
    static_cast<void>(decodes<Everything>(bad));
  }
}

TEST(HostileBytes, AnExceptionOfAnyBytesIsAnException) {
  ByteBuffer buffer;
  try {
    throw procpool::WorkerLostError("lost", 1, procpool::ExitStatus::from_signal(11),
                                    procpool::WorkerLostError::Reason::crashed);
  } catch (...) {
    procpool::detail::encode_current_exception(buffer);
  }
  const std::vector<std::byte> good = bytes_of(buffer);
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto error = procpool::detail::decode_exception(std::span(good).first(length), {5, 6});
    EXPECT_THROW(std::rethrow_exception(error), SerializationError);
  }
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int i = 0; i < rounds / 5; ++i) {
    std::vector<std::byte> bad = good;
    for (std::uint32_t damage = random() % 4 + 1; damage > 0; --damage) {
      bad[random() % bad.size()] = static_cast<std::byte>(random());
    }
    const auto error = procpool::detail::decode_exception(bad, {5, 6});
    ASSERT_NE(error, nullptr);
    ASSERT_EQ(procpool::remote_info(error)->pid, 5);
  }
}

}  // namespace
