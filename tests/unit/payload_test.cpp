// SPDX-License-Identifier: MIT
#include "jobs/payload.hpp"

#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

std::vector<std::byte> some_bytes(std::size_t count, int first) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(i * 7 + static_cast<std::size_t>(first));
  return bytes;
}

ByteBuffer buffer_of(const std::vector<std::byte>& bytes) {
  ByteBuffer buffer;
  buffer.append(bytes);
  return buffer;
}

std::vector<std::byte> held_by(const Payload& payload) {
  const std::span<const std::byte> view = payload.view();
  return {view.begin(), view.end()};
}

/// A payload and its room.
struct WithRoom {
  explicit WithRoom(ByteBuffer&& bytes)
      : memory(::operator new(sizeof(Payload) + Payload::room_for(bytes))),
        payload(*::new (memory) Payload(std::move(bytes))) {}
  ~WithRoom() {
    payload.~Payload();
    ::operator delete(memory);
  }
  WithRoom(const WithRoom&) = delete;
  WithRoom& operator=(const WithRoom&) = delete;

  [[nodiscard]] bool uses_room() const {
    return static_cast<const void*>(payload.view().data()) == &payload + 1;
  }

  void* memory;
  Payload& payload;
};

constexpr std::size_t longest_short = ByteBuffer::inline_capacity;

TEST(Payload, HoldsShortAndLongBytesAndThenAnyAnswer) {
  const std::array<std::size_t, 8> sizes{0, 1, 24, 25, longest_short, longest_short + 1, 10'000, 1'000'000};
  for (const std::size_t sent : sizes) {
    for (const std::size_t answered : sizes) {
      WithRoom tested(buffer_of(some_bytes(sent, 1)));
      ASSERT_EQ(held_by(tested.payload), some_bytes(sent, 1)) << sent;
      tested.payload.replace(buffer_of(some_bytes(answered, 2)));
      ASSERT_EQ(held_by(tested.payload), some_bytes(answered, 2)) << sent << ' ' << answered;
    }
  }
}

TEST(Payload, ShortBytesAndAnAnswerThatIsNotLongerAreInItsRoom) {
  WithRoom tested(buffer_of(some_bytes(300, 1)));
  EXPECT_TRUE(tested.uses_room());
  tested.payload.replace(buffer_of(some_bytes(300, 2)));
  EXPECT_TRUE(tested.uses_room());
}

TEST(Payload, LongBytesStayWhereTheyAre) {
  ByteBuffer sent = buffer_of(some_bytes(5'000, 1));
  const std::byte* const place = sent.data();
  WithRoom tested(std::move(sent));
  EXPECT_EQ(tested.payload.view().data(), place);
  ByteBuffer answer = buffer_of(some_bytes(6'000, 2));
  const std::byte* const place_of_answer = answer.data();
  tested.payload.replace(std::move(answer));
  EXPECT_EQ(tested.payload.view().data(), place_of_answer);
}

TEST(Payload, LongBytesAreGivenUpForAShortAnswer) {
  WithRoom tested(buffer_of(some_bytes(1'000'000, 1)));
  tested.payload.replace(buffer_of(some_bytes(3, 2)));
  EXPECT_TRUE(tested.uses_room());
}

TEST(Payload, AShortAnswerInALargeBufferDoesNotKeepThat) {
  ByteBuffer large = buffer_of(some_bytes(1'000'000, 1));
  large.clear();
  large.append(some_bytes(20, 2));
  WithRoom tested(buffer_of(some_bytes(3, 1)));
  tested.payload.replace(std::move(large));
  EXPECT_TRUE(tested.uses_room());
  EXPECT_EQ(held_by(tested.payload), some_bytes(20, 2));
}

}  // namespace
}  // namespace procpool::detail
