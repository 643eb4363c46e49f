// SPDX-License-Identifier: MIT
// Threads may have little stack (musl: 128 KiB), and types may need much of it: what nests too deep for it is
// refused, whoever wrote it.
#include "serialization/stack_room.hpp"

#include <procpool/codec.hpp>
#include <procpool/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace {

using procpool::SerializationError;
using procpool::detail::ByteBuffer;
using procpool::detail::decode;
using procpool::detail::encode;
using procpool::detail::stack_room;

constexpr std::size_t room_for_one = std::size_t{20} << 10;
constexpr std::size_t levels = 490;
/// In a large variable: so that all of it is needed.
volatile std::size_t somewhere = 0;

/// A list of which each node takes a large piece of the stack to read or to write.
struct Bulky {
  std::unique_ptr<Bulky> next;

  template <class Archive>
  void serialize(Archive& archive) {
    volatile char room[room_for_one];
    room[somewhere] = 1;
    archive(next);
    somewhere = static_cast<std::size_t>(room[somewhere] - 1);
  }
};

/// As encode() would write a list of so many.
ByteBuffer bytes_of_list() {
  ByteBuffer bytes;
  for (std::size_t i = 0; i <= levels; ++i) {
    const bool more = i != levels;
    bytes.append(&more, 1);
  }
  return bytes;
}

Bulky make_list() {
  Bulky root;
  Bulky* last = &root;
  for (std::size_t i = 0; i < levels; ++i) last = (last->next = std::make_unique<Bulky>()).get();
  return root;
}

/// Done, if the stack is large enough for all of it; else refused with a word on that.
void expect_no_more_than_fits(const std::function<void()>& step) {
  const bool fits = stack_room() / 2 > levels * room_for_one;
  try {
    step();
    EXPECT_GT(stack_room(), levels * room_for_one);
  } catch (const SerializationError& error) {
    EXPECT_FALSE(fits) << error.what();
    EXPECT_NE(std::string(error.what()).find("the stack of this thread"), std::string::npos) << error.what();
  }
}

void on_another_thread(const std::function<void()>& test) {
  std::thread thread(test);
  thread.join();
}

void read_too_much() {
  const ByteBuffer bytes = bytes_of_list();
  expect_no_more_than_fits([&] { static_cast<void>(decode<Bulky>(bytes.view())); });
}

void write_too_much() {
  const Bulky list = make_list();
  ByteBuffer bytes;
  expect_no_more_than_fits([&] { encode(bytes, list); });
}

TEST(StackRoom, WhatIsReadNestsNoDeeperThanTheMainStackAllows) {
  read_too_much();
}
TEST(StackRoom, WhatIsReadNestsNoDeeperThanTheStackOfAThreadAllows) {
  on_another_thread(read_too_much);
}
TEST(StackRoom, WhatIsWrittenNestsNoDeeperThanTheMainStackAllows) {
  write_too_much();
}
TEST(StackRoom, WhatIsWrittenNestsNoDeeperThanTheStackOfAThreadAllows) {
  on_another_thread(write_too_much);
}

std::size_t room_below_a_large_frame() {
  volatile char room[room_for_one];
  room[somewhere] = 1;
  const std::size_t left = stack_room();
  somewhere = static_cast<std::size_t>(room[somewhere] - 1);
  return left;
}

TEST(StackRoom, GetsLessWithEachCall) {
  on_another_thread([] {
    const std::size_t before = stack_room();
    ASSERT_NE(before, SIZE_MAX);
    EXPECT_GE(before, std::size_t{32} << 10);
    std::size_t (*volatile deeper)() = &room_below_a_large_frame;  // which is not inlined so
    EXPECT_LT(deeper(), before) << "AddressSanitizer keeps large variables elsewhere";
  });
}

}  // namespace
