// SPDX-License-Identifier: MIT
#include <procpool/byte_buffer.hpp>
#include <procpool/detail/lent_argument.hpp>
#include <procpool/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

using Bytes = std::vector<std::byte>;

Bytes all_of(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

struct Encoded {
  Bytes whole;  ///< as a worker has it
  LentArgument lent;
};

constexpr auto gladly = [] { return true; };

/// For a function with the parameters P.
template <class... P, class... A>
Encoded lend(A&&... arguments) {
  ByteBuffer out;
  Encoded encoded;
  encoded.lent = encode_lending(out, gladly, TypeList<P...>{}, std::forward<A>(arguments)...);
  encoded.whole = all_of(out.view());
  encoded.whole.insert(encoded.whole.begin() + static_cast<std::ptrdiff_t>(encoded.lent.at),
                       encoded.lent.bytes.begin(), encoded.lent.bytes.end());
  return encoded;
}
template <class... P, class... A>
Bytes copy(A&&... arguments) {
  ByteBuffer out;
  encode_for(out, TypeList<P...>{}, std::forward<A>(arguments)...);
  return all_of(out.view());
}

const std::vector<double> numbers(1000, 0.5);
const std::string text(2000, 't');
const std::string note("short");

TEST(LentArgument, ALongVectorIsReadFromWhereItLies) {
  const Encoded encoded = lend<const std::vector<double>&>(numbers);
  EXPECT_EQ(static_cast<const void*>(encoded.lent.bytes.data()), numbers.data());
  EXPECT_EQ(encoded.lent.bytes.size(), numbers.size() * sizeof(double));
  EXPECT_EQ(encoded.whole, (copy<const std::vector<double>&>(numbers)));
}

TEST(LentArgument, OfSeveralTheLongestIsLentWhereverItStands) {
  const Encoded last = lend<int, std::string, std::vector<double>>(7, text, numbers);
  EXPECT_EQ(static_cast<const void*>(last.lent.bytes.data()), numbers.data());
  EXPECT_EQ(last.whole, (copy<int, std::string, std::vector<double>>(7, text, numbers)));

  const Encoded first =
      lend<std::vector<double>, std::pair<int, std::string>, std::string>(numbers, std::pair{7, text}, text);
  EXPECT_EQ(static_cast<const void*>(first.lent.bytes.data()), numbers.data());
  EXPECT_EQ(first.whole, (copy<std::vector<double>, std::pair<int, std::string>, std::string>(
                             numbers, std::pair{7, text}, text)));
}

TEST(LentArgument, OfTwoThatAreEquallyLongOneIsLent) {
  const std::string other(text.size(), 'o');
  const Encoded encoded = lend<std::string, std::string>(text, other);
  EXPECT_EQ(encoded.lent.bytes.size(), text.size());
  EXPECT_EQ(encoded.whole, (copy<std::string, std::string>(text, other)));
}

TEST(LentArgument, WhatAViewLooksAtIsLent) {
  const Encoded string = lend<std::string_view>(text);
  EXPECT_EQ(static_cast<const void*>(string.lent.bytes.data()), text.data());
  EXPECT_EQ(string.whole, (copy<std::string_view>(text)));

  const std::span<const double> part = std::span(numbers).first(500);
  const Encoded span = lend<std::span<const double>>(part);
  EXPECT_EQ(static_cast<const void*>(span.lent.bytes.data()), numbers.data());
  EXPECT_EQ(span.whole, (copy<std::span<const double>>(part)));
}

TEST(LentArgument, WhatIsMovedIntoTheCallIsLentAndNotMoved) {
  std::string mine = text;
  const Encoded encoded = lend<std::string>(std::move(mine));
  EXPECT_EQ(encoded.whole, (copy<std::string>(text)));
  EXPECT_EQ(mine, text);  // NOLINT: that is what is asked
}

TEST(LentArgument, WhatIsShortOrConvertedOrOfOtherTypesIsCopied) {
  EXPECT_TRUE(lend<std::string>(note).lent.bytes.empty());
  EXPECT_TRUE(lend<int>(7).lent.bytes.empty());
  EXPECT_TRUE(lend<>().lent.bytes.empty());
  EXPECT_TRUE(lend<const char*>(text.c_str()).lent.bytes.empty());
  EXPECT_TRUE(lend<std::string>(text.c_str()).lent.bytes.empty());

  const std::map<int, std::string> table{{1, text}};
  const Encoded encoded = lend<std::map<int, std::string>, std::string>(table, text);
  EXPECT_TRUE(encoded.lent.bytes.empty());
  EXPECT_EQ(encoded.whole, (copy<std::map<int, std::string>, std::string>(table, text)));
}

TEST(LentArgument, IsOfAnyTypeOfElementsThatAreEncodedAsTheyLie) {
  const std::vector<std::byte> bytes(1000, std::byte{7});
  const std::wstring wide(1000, L'w');
  const std::u8string eight(1000, u8'8');
  EXPECT_EQ(lend<std::vector<std::byte>>(bytes).lent.bytes.size(), 1000U);
  EXPECT_EQ(lend<std::wstring>(wide).lent.bytes.size(), 1000 * sizeof(wchar_t));
  EXPECT_EQ(lend<std::u8string>(eight).lent.bytes.size(), 1000U);
  EXPECT_EQ(lend<std::vector<std::byte>>(bytes).whole, copy<std::vector<std::byte>>(bytes));
  EXPECT_EQ(lend<std::wstring>(wide).whole, copy<std::wstring>(wide));
  EXPECT_EQ(lend<std::u8string>(eight).whole, copy<std::u8string>(eight));

  const std::vector<bool> bits(10'000, true);
  EXPECT_TRUE(lend<std::vector<bool>>(bits).lent.bytes.empty());
  const std::vector<std::string> texts(100, text);
  EXPECT_TRUE(lend<std::vector<std::string>>(texts).lent.bytes.empty());
}

TEST(LentArgument, IsCopiedWhereTheCallerDoesNotLend) {
  ByteBuffer out;
  const auto never = [] { return false; };
  EXPECT_TRUE(encode_lending(out, never, TypeList<std::string>{}, text).bytes.empty());
  EXPECT_EQ(all_of(out.view()), copy<std::string>(text));
}

/// What another argument is converted from may be this one.
TEST(LentArgument, IsLookedAtWhenAllConversionsHaveBeenMade) {
  using Wrapped = std::tuple<std::string>;
  std::string first = text;
  const Encoded moved_after = lend<std::string, Wrapped>(first, std::move(first));
  EXPECT_TRUE(moved_after.lent.bytes.empty());
  EXPECT_EQ(moved_after.whole, (copy<std::string, Wrapped>(std::string(), Wrapped(text))));

  std::string second = text;
  const Encoded moved_before = lend<Wrapped, std::string>(std::move(second), second);
  EXPECT_TRUE(moved_before.lent.bytes.empty());
  EXPECT_EQ(moved_before.whole, (copy<Wrapped, std::string>(Wrapped(text), std::string())));
}

TEST(LentArgument, IsNoViewOfWhatAnotherArgumentGivesUp) {
  using Wrapped = std::tuple<std::vector<double>>;
  std::vector<double> mine = numbers;
  const std::span<const double> view = mine;
  const Encoded encoded = lend<std::span<const double>, Wrapped>(view, std::move(mine));
  EXPECT_TRUE(encoded.lent.bytes.empty());
  EXPECT_EQ(encoded.whole, (copy<std::vector<double>, Wrapped>(numbers, Wrapped(numbers))));
}

TEST(LentArgument, ItsErrorsAreThoseOfConversionsAsTheyAre) {
  struct NoNumber {
    operator int() const { throw std::out_of_range("no number"); }
  };
  EXPECT_THROW((lend<std::string, int>(text, NoNumber())), std::out_of_range);
}

TEST(LentArgument, CountsTowardsTheLimitOfAMessage) {
  const std::size_t whole = copy<std::string, std::string>(text, note).size();
  for (const std::size_t limit : {whole, whole - 1, whole - note.size() - 1, std::size_t{100}}) {
    ByteBuffer out(limit);
    const auto encode_both = [&] {
      return encode_lending(out, gladly, TypeList<std::string, std::string>{}, text, note);
    };
    if (limit == whole) {
      EXPECT_EQ(encode_both().bytes.size(), text.size());
    } else {
      EXPECT_THROW(static_cast<void>(encode_both()), SerializationError) << limit;
      EXPECT_TRUE(out.empty());
    }
  }
}

}  // namespace
}  // namespace procpool::detail
