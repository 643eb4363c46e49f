// SPDX-License-Identifier: MIT
// Long results that arrive in the caller's value.
#include "unit/channel_pair.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/detail/result_place.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

std::vector<double> numbers(std::size_t count) {
  std::vector<double> made(count);
  std::iota(made.begin(), made.end(), 0.5);
  return made;
}

template <class T>
ByteBuffer encoded(const T& value) {
  ByteBuffer bytes;
  encode(bytes, value);
  return bytes;
}

/// In pieces that end anywhere.
template <class T>
void fill(PlaceIn<T>& place, const ByteBuffer& bytes) {
  std::uint64_t elements = 0;
  std::memcpy(&elements, bytes.data(), sizeof elements);
  std::span<const std::byte> rest = bytes.view().subspan(sizeof elements);
  ASSERT_TRUE(place.begin(elements, rest.size()));
  for (std::size_t piece = 1; !rest.empty(); piece = piece * 3 + 1) {
    ASSERT_FALSE(place.full());
    const std::size_t count = std::min(piece, rest.size());
    place.append(rest.data(), count);
    rest = rest.subspan(count);
  }
  ASSERT_TRUE(place.full());
}

TEST(ResultPlace, IsFullWhenAllElementsAreThereInWhateverPieces) {
  PlaceIn<std::vector<double>> vector;
  fill(vector, encoded(numbers(100'001)));
  EXPECT_EQ(vector.value(), numbers(100'001));
  PlaceIn<std::wstring> text;
  fill(text, encoded(std::wstring(70'001, L'w')));
  EXPECT_EQ(text.value(), std::wstring(70'001, L'w'));
}

TEST(ResultPlace, TakesNothingWhoseCountDoesNotFitItsLength) {
  PlaceIn<std::vector<double>> place;
  EXPECT_FALSE(place.begin(3, 25));
  EXPECT_FALSE(place.begin(4, 24));
  EXPECT_FALSE(place.begin(UINT64_MAX / 8 + 4, 24));
  EXPECT_FALSE(place.full());
  EXPECT_TRUE(place.begin(3, 24));
  EXPECT_FALSE(place.full());
  PlaceIn<std::vector<std::uint8_t>> bytes;
  EXPECT_FALSE(bytes.begin(SIZE_MAX, SIZE_MAX)) << "more than a vector can have";
}

/// One job, whose caller waits for a vector of numbers.
class PlacedAnswer : public ::testing::Test {
 protected:
  void publish(ResultPlace& result) {
    Message message;
    message.id = 5;
    message.place = &result;
    pair.host.stage(message);
    pair.host.commit();
    ASSERT_TRUE(pair.worker.next(job, no_idle));
  }
  /// The worker sends all of it.
  void answer(const ByteBuffer& bytes, ResultKind kind = ResultKind::value) {
    std::thread worker([&] { EXPECT_TRUE(pair.worker.publish(job, kind, bytes.view())); });
    while (!pair.host.receive(got) && !pair.starved && pair.host.violation() == nullptr) {
      std::this_thread::yield();
    }
    pair.host.release();
    worker.join();
  }

  ChannelPair pair;
  ClaimedJob job;
  PlaceIn<std::vector<double>> place;
  Answer got;
};

TEST_F(PlacedAnswer, ALongOneArrivesInItsPlaceAndNowhereElse) {
  for (const std::size_t count : {65'536U, 100'001U, 500'000U}) {
    publish(place);
    answer(encoded(numbers(count)));
    EXPECT_TRUE(got.placed);
    EXPECT_TRUE(got.bytes.empty());
    ASSERT_TRUE(place.full());
    EXPECT_EQ(place.value(), numbers(count));
  }
  EXPECT_EQ(pair.host.outstanding(), 0U);
}

TEST_F(PlacedAnswer, ItsCountMayLieAtBothEndsOfTheRing) {
  for (std::uint64_t before_the_end = 0; before_the_end <= 9; ++before_the_end) {
    ChannelTestPeer::start_at(pair.host, pair.worker, 0, 0, byte_ring_size - before_the_end);
    publish(place);
    answer(encoded(numbers(100'001)));
    EXPECT_TRUE(got.placed);
    ASSERT_EQ(place.value(), numbers(100'001)) << before_the_end;
  }
}

TEST_F(PlacedAnswer, AShortOneAndAnExceptionAreKeptAsBytes) {
  const ByteBuffer short_one = encoded(numbers(10));
  publish(place);
  answer(short_one);
  EXPECT_FALSE(got.placed);
  EXPECT_TRUE(same(got.bytes.view(), short_one.view()));

  const ByteBuffer long_one = encoded(numbers(100'000));
  publish(place);
  answer(long_one, ResultKind::exception);
  EXPECT_FALSE(got.placed);
  EXPECT_TRUE(same(got.bytes.view(), long_one.view()));
  EXPECT_FALSE(place.full());
}

TEST_F(PlacedAnswer, OneWhoseCountIsALieIsKeptAsItIs) {
  ByteBuffer bytes = encoded(numbers(100'000));
  const std::uint64_t lie = 100'001;
  std::memcpy(bytes.data(), &lie, sizeof lie);
  publish(place);
  answer(bytes);
  EXPECT_FALSE(got.placed);
  EXPECT_TRUE(same(got.bytes.view(), bytes.view()));
  EXPECT_FALSE(place.full());
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_F(PlacedAnswer, OneThatThereIsNoMemoryForIsReadAllTheSame) {
  class WithoutMemory final : public ResultPlace {
   public:
    bool begin(std::uint64_t, std::size_t) noexcept override { return true; }
    void append(const std::byte*, std::size_t) override {
      ++appended;
      throw std::bad_alloc();
    }
    int appended = 0;
  };
  WithoutMemory no_place;
  publish(no_place);
  answer(encoded(numbers(500'000)));
  EXPECT_TRUE(got.out_of_memory);
  EXPECT_EQ(no_place.appended, 1);
  publish(place);
  answer(encoded(numbers(100'000)));
  EXPECT_TRUE(place.full());
}

}  // namespace
}  // namespace procpool::testing
