// SPDX-License-Identifier: MIT
// Large buffers, whose memory goes from one to the next.
#include "serialization/spare_memory.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/errors.hpp>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

constexpr std::size_t large = 4 * smallest_spare;

ByteBuffer filled(std::size_t size) {
  ByteBuffer buffer;
  buffer.append(std::string(size, 'x').data(), size);
  return buffer;
}

/// The buffers of earlier tests leave nothing behind.
class LargeBuffers : public ::testing::Test {
 protected:
  void SetUp() override { forget_all(); }
  void TearDown() override { forget_all(); }
  static void forget_all() {
    while (void* const block = take_spare_memory(smallest_spare).block) std::free(block);
  }
};

TEST_F(LargeBuffers, UseTheMemoryOfTheLast) {
  const std::byte* first = nullptr;
  {
    const ByteBuffer buffer = filled(large);
    first = buffer.data();
  }
  const ByteBuffer next = filled(large - 1000);
  EXPECT_EQ(next.data(), first);
  const ByteBuffer other = filled(large);
  EXPECT_NE(other.data(), first);
}

TEST_F(LargeBuffers, KeepTheirContentsWhenTheyMoveToSuchMemory) {
  filled(large);
  ByteBuffer buffer;
  std::string expected;
  for (int piece = 0; expected.size() < large; ++piece) {
    const std::string text(7919, static_cast<char>(piece));
    buffer.append(text.data(), text.size());
    expected += text;
  }
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(buffer.data()), buffer.size()), expected);
}

TEST_F(LargeBuffers, KeepToTheirLimitInLargerMemory) {
  filled(large);
  ByteBuffer buffer(large / 2);
  buffer.extend(large / 2);
  EXPECT_THROW(buffer.extend(1), SerializationError);
  EXPECT_EQ(buffer.size(), large / 2);
}

TEST_F(LargeBuffers, OfSeveralThreadsNeverShareMemory) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (int round = 0; round < 200; ++round) {
        ByteBuffer buffer;
        std::byte* const bytes = buffer.extend(large);
        const auto mark = static_cast<std::byte>(16 * thread + round % 16);
        for (std::size_t at = 0; at < large; at += 4096) bytes[at] = mark;
        for (std::size_t at = 0; at < large; at += 4096) ASSERT_EQ(bytes[at], mark);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LargeBuffers, AreNotKeptIfTheyAreTooLarge) {
  filled(largest_spare + 1);
  EXPECT_EQ(take_spare_memory(smallest_spare).block, nullptr);
}

}  // namespace
}  // namespace procpool::detail
