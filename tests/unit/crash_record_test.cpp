// SPDX-License-Identifier: MIT
// What a worker says of its crash may be anything: the host takes what can be true, and nothing else.
#include "crash/crash_record.hpp"

#include "channel/layout.hpp"
#include "helpers/random.hpp"

#include <procpool/errors.hpp>
#include <procpool/stack_frame.hpp>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

constexpr int signum = 11;
const ExitStatus by_signal = ExitStatus::from_signal(signum);

class CrashRecords : public ::testing::Test {
 protected:
  CrashRecords() {
    area->cause = signum;
    area->has_fault_address = 1;
    area->fault_address = 0x10;
    for (std::uint64_t i = 0; i < 3; ++i) area->frames[i] = 0x1100 + i;
    area->frame_count = 3;
    set_image(0, 0x1000, 0x2000, 0x800, "/lib/one.so");
    area->image_count = 1;
  }
  void set_image(std::size_t i, std::uint64_t begin, std::uint64_t end, std::uint64_t base,
                 std::string_view path) {
    CrashImage& image = area->images[i];
    image.begin = begin;
    image.end = end;
    image.base = base;
    image.path_length = static_cast<std::uint32_t>(path.size());
    std::memcpy(image.path, path.data(), path.size());
  }
  /// With `change` done to a good one.
  [[nodiscard]] bool refused() const { return !read_crash(*area, by_signal); }

  std::unique_ptr<CrashArea> area = std::make_unique<CrashArea>();
};

TEST_F(CrashRecords, AGoodOneIsTakenAsItIs) {
  const auto record = read_crash(*area, by_signal);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->fault_address, 0x10U);
  ASSERT_EQ(record->frames.size(), 3U);
  ASSERT_EQ(record->images.size(), 1U);
  EXPECT_EQ(record->images[0].path, "/lib/one.so");
  EXPECT_EQ(record->frames[2].address, 0x1102U);
  EXPECT_EQ(record->frames[2].image, 0U);
  EXPECT_EQ(record->frames[2].offset, 0x902U);
}

TEST_F(CrashRecords, NothingIsToldOfAWorkerThatDidNotCrash) {
  EXPECT_FALSE(read_crash(*std::make_unique<CrashArea>(), by_signal));
  EXPECT_FALSE(read_crash(*std::make_unique<CrashArea>(), ExitStatus::from_code(0)));
}

TEST_F(CrashRecords, OneThatDoesNotFitTheExitStatusIsRefused) {
  EXPECT_FALSE(read_crash(*area, ExitStatus::from_signal(9)));
  EXPECT_FALSE(read_crash(*area, ExitStatus::from_code(0)));
  EXPECT_FALSE(read_crash(*area, ExitStatus{}));
}

TEST_F(CrashRecords, AnExitCodeOfAnExceptionFitsToo) {
  area->cause = 0xC0000005;
  EXPECT_TRUE(read_crash(*area, ExitStatus::from_code(0xC0000005)));
  EXPECT_TRUE(read_crash(*area, ExitStatus::from_code(static_cast<std::int32_t>(0xC0000005))));
}

TEST_F(CrashRecords, CountsAboveWhatThereIsRoomForAreRefused) {
  area->frame_count = most_crash_frames + 1;
  EXPECT_TRUE(refused());
  area->frame_count = 0xffffffff;
  EXPECT_TRUE(refused());
  area->frame_count = 3;
  area->image_count = most_crash_images + 1;
  EXPECT_TRUE(refused());
}

TEST_F(CrashRecords, AnImageThatCannotBeIsPassedOver) {
  const auto images_left = [this] { return read_crash(*area, by_signal)->images.size(); };
  area->images[0].path_length = longest_image_path + 1;
  EXPECT_EQ(images_left(), 0U);
  area->images[0].path_length = 0;
  EXPECT_EQ(images_left(), 0U);
  set_image(0, 0x1000, 0x2000, 0x800, std::string_view("/lib\0/x", 7));
  EXPECT_EQ(images_left(), 0U);
  set_image(0, 0x2000, 0x1000, 0x800, "/lib/one.so");
  EXPECT_EQ(images_left(), 0U);
  set_image(0, 0x1000, 0x2000, 0x1800, "/lib/one.so");
  EXPECT_EQ(images_left(), 0U) << "its offsets would be negative";
  set_image(0, 0x1000, 0x2000, 0x800, "/lib/one.so");
  area->images[0].build_id_length = longest_build_id + 1;
  EXPECT_EQ(images_left(), 0U);
}

TEST_F(CrashRecords, FramesOutsideOfEveryImageAreKeptOnlyBeforeOthers) {
  area->frames[0] = 0;
  area->frames[2] = 0xdeadbeef;
  const auto record = read_crash(*area, by_signal);
  ASSERT_TRUE(record);
  ASSERT_EQ(record->frames.size(), 2U);
  EXPECT_EQ(record->frames[0].image, CrashRecord::no_image);
  EXPECT_EQ(record->frames[1].image, 0U);
}

TEST_F(CrashRecords, NoiseIsReadWithoutHarm) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    auto* const bytes = reinterpret_cast<unsigned char*>(area.get());
    for (int i = 0; i < 200; ++i)
      bytes[random.below(sizeof(CrashArea))] = static_cast<unsigned char>(random());
    area->cause = signum;
    if (random.one_in(2)) area->frame_count = random.below(most_crash_frames + 2);
    if (random.one_in(2)) area->image_count = random.below(most_crash_images + 2);
    const auto record = read_crash(*area, by_signal);
    if (!record) continue;
    EXPECT_LE(record->frames.size(), most_crash_frames);
    EXPECT_LE(record->images.size(), most_crash_images);
    for (const auto& frame : record->frames) {
      EXPECT_TRUE(frame.image == CrashRecord::no_image || frame.image < record->images.size());
    }
    for (const auto& image : record->images) EXPECT_LE(image.path.size(), longest_image_path);
  }
}

TEST(StackFrames, AreWrittenWithWhatIsKnown) {
  StackFrame frame;
  frame.address = 0x7f001234;
  EXPECT_EQ(frame.to_string(), "0x7f001234");
  frame.image = "/lib/one.so";
  frame.offset = 0x1234;
  EXPECT_EQ(frame.to_string(), "/lib/one.so+0x1234");
  frame.function = "decode(int)";
  frame.function_offset = 0x1c;
  EXPECT_EQ(frame.to_string(), "decode(int)+0x1c in /lib/one.so+0x1234");
  EXPECT_EQ(to_string(std::vector<StackFrame>{frame, StackFrame{}}),
            "#0  decode(int)+0x1c in /lib/one.so+0x1234\n#1  0x0\n");
}

TEST(StackFrames, HaveNothingThatSteersATerminal) {
  StackFrame frame;
  frame.image = "/lib/\x1b[2J\n.so";
  frame.function = "f\r(int)";
  EXPECT_EQ(frame.to_string(), "f?(int)+0x0 in /lib/?[2J?.so+0x0");
}

}  // namespace
}  // namespace procpool::testing
