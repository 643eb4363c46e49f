// SPDX-License-Identifier: MIT
// What a map makes of its workers' answers.
#include "jobs/map_job.hpp"

#include <procpool/detail/values_place.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

/// Of four items, whose arguments are numbers that lie where the results go.
class MapWithAPlace : public ::testing::Test {
 protected:
  explicit MapWithAPlace(std::uint32_t chunksize = 1)
      : job(Ref<MapJob>::adopt(new MapJob(context(), 0, ByteBuffer(),
                                          MapItems(chunksize, std::as_writable_bytes(std::span(numbers)), 4),
                                          &place))) {}

  static std::shared_ptr<const JobContext> context() {
    JobContext context;
    context.callbacks = std::make_shared<CallbackQueue>();
    return std::make_shared<const JobContext>(std::move(context));
  }
  template <class T>
  bool answer(std::uint32_t unit, ResultKind kind, const std::vector<T>& values, std::uint32_t count) {
    Answer answer;
    answer.kind = kind;
    answer.count = count;
    answer.bytes.append(std::as_bytes(std::span(values)));
    return job->accept(unit, std::move(answer), 77);
  }

  std::vector<std::int64_t> numbers{1, 2, 3, 4};
  ValuesPlace place{reinterpret_cast<std::byte*>(numbers.data()), sizeof(std::int64_t)};
  Ref<MapJob> job;
};
class ChunksWithAPlace : public MapWithAPlace {
 protected:
  ChunksWithAPlace() : MapWithAPlace(2) {}
};

TEST_F(MapWithAPlace, SendsItsItemsFromThere) {
  Message message;
  job->describe(1, 3, message);
  EXPECT_TRUE(message.pack);
  EXPECT_TRUE(message.even);
  EXPECT_EQ(message.count, 3U);
  EXPECT_EQ(message.arguments.data(), place.data + 8);
  EXPECT_EQ(message.arguments.size(), 24U);
  job->describe(3, 3, message);
  EXPECT_FALSE(message.pack);
  EXPECT_EQ(message.arguments.data(), place.data + 24);
  EXPECT_EQ(message.arguments.size(), 8U);
}

TEST_F(MapWithAPlace, IsFullWhenAllAreThere) {
  EXPECT_TRUE(answer<std::int64_t>(1, ResultKind::values, {20, 30, 40}, 3));
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 20, 30, 40}));
  EXPECT_FALSE(job->ready());
  EXPECT_TRUE(answer<std::int64_t>(0, ResultKind::value, {10}, 1));
  ASSERT_TRUE(job->ready());
  EXPECT_TRUE(place.full);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{10, 20, 30, 40}));
  EXPECT_EQ(job->value(2).data(), place.data + 16);
}

TEST_F(MapWithAPlace, IsNotFullIfAValueIsOfAnotherLength) {
  EXPECT_TRUE(answer<std::int64_t>(0, ResultKind::values, {10, 20}, 2));
  EXPECT_TRUE(answer<std::int32_t>(2, ResultKind::values, {30, 40}, 2));
  ASSERT_TRUE(job->ready());
  EXPECT_FALSE(place.full);
  EXPECT_EQ(job->value(1).size(), 8U);
  EXPECT_EQ(job->value(3).size(), 4U);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{10, 20, 3, 4})) << "what does not belong there is elsewhere";
}

TEST_F(MapWithAPlace, IsNotFullIfAnItemFailed) {
  EXPECT_TRUE(answer<std::int64_t>(0, ResultKind::values, {10, 20, 30}, 3));
  job->fail(3, std::make_exception_ptr(std::range_error("no")), 0);
  ASSERT_TRUE(job->ready());
  EXPECT_FALSE(place.full);
  EXPECT_EQ(job->value(2).size(), 8U);
  EXPECT_THROW(static_cast<void>(job->value(3)), std::range_error);
}

TEST_F(MapWithAPlace, AnExceptionAsLongAsAValueIsNone) {
  EXPECT_TRUE(answer<std::int64_t>(0, ResultKind::values, {10, 20, 30}, 3));
  EXPECT_TRUE(answer<std::int64_t>(3, ResultKind::exception, {40}, 1));
  ASSERT_TRUE(job->ready());
  EXPECT_FALSE(place.full);
  EXPECT_NE(job->error(), nullptr);
  EXPECT_EQ(numbers[3], 4);
}

TEST_F(ChunksWithAPlace, AreSentWhole) {
  Message message;
  job->describe(1, 3, message);
  EXPECT_TRUE(message.chunk);
  EXPECT_TRUE(message.even);
  EXPECT_EQ(message.items, 2U);
  EXPECT_EQ(message.arguments.data(), place.data + 16);
  EXPECT_EQ(message.arguments.size(), 16U);
}

TEST_F(ChunksWithAPlace, AreNotAnsweredAsAPackOrAsOneItem) {
  EXPECT_FALSE(answer<std::int64_t>(0, ResultKind::values, {10, 20}, 1));
  EXPECT_FALSE(answer<std::int64_t>(0, ResultKind::value, {10}, 1));
  EXPECT_FALSE(job->settled(0));
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace procpool::testing
