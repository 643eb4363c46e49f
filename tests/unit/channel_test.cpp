// SPDX-License-Identifier: MIT
// The two ends of a channel, one step at a time.
#include "unit/channel_pair.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + seed + (i >> 8)) & 0xff);
  return bytes;
}

class Channel : public ::testing::Test {
 protected:
  void publish(JobId id) {
    Message message;
    message.id = id;
    publish(message);
  }
  void publish(const Message& message) {
    ASSERT_TRUE(pair.host.has_room(message));
    pair.host.stage(message);
    pair.host.commit();
  }
  /// Only when there is something to claim.
  ClaimedJob claim() {
    ClaimedJob job;
    EXPECT_TRUE(pair.worker.next(job, no_idle));
    return job;
  }
  void answer(const ClaimedJob& job, std::span<const std::byte> bytes = {}) {
    EXPECT_TRUE(pair.worker.publish(job, ResultKind::value, bytes));
  }
  bool receive(JobId expected) {
    const bool received = pair.host.receive(got);
    if (received) {
      EXPECT_EQ(got.id, expected);
      pair.host.release();
    }
    return received;
  }

  ChannelPair pair;
  Answer got;
};

TEST_F(Channel, CarriesAJobAndItsAnswer) {
  const auto arguments = pattern(10, 1);
  Message message;
  message.id = 77;
  message.task = 0x123456789abc;
  message.items = 3;
  message.chunk = true;
  message.arguments = arguments;
  publish(message);
  const ClaimedJob job = claim();
  EXPECT_EQ(job.id, 77U);
  EXPECT_EQ(job.task, 0x123456789abcU);
  EXPECT_EQ(job.items, 3U);
  EXPECT_TRUE(job.chunk);
  EXPECT_EQ(job.kind, MessageKind::task);
  EXPECT_TRUE(same(job.arguments.whole(), arguments));
  EXPECT_TRUE(job.prefix.empty());
  EXPECT_FALSE(receive(77));
  const auto result = pattern(20, 2);
  EXPECT_TRUE(pair.worker.publish(job, ResultKind::exception, result));
  ASSERT_TRUE(receive(77));
  EXPECT_EQ(got.id, 77U);
  EXPECT_EQ(got.kind, ResultKind::exception);
  EXPECT_TRUE(same(got.bytes.view(), result));
  EXPECT_EQ(pair.host.outstanding(), 0U);
  EXPECT_FALSE(receive(77));
}

TEST_F(Channel, PrefixArgumentsAndLimitsArriveApartAtEverySize) {
  for (const std::size_t prefix_size : {0U, 1U, 20U, 40U, 5000U}) {
    for (const std::size_t argument_size : {0U, 1U, 12U, 13U, 31U, 32U, 33U, 4096U}) {
      for (const bool limited : {false, true}) {
        const auto prefix = pattern(prefix_size, 1);
        const auto arguments = pattern(argument_size, 2);
        Message message;
        message.id = 5;
        message.prefix = prefix;
        message.arguments = arguments;
        if (limited) message.hard_limit = std::chrono::seconds(3);
        publish(message);
        const ClaimedJob job = claim();
        ASSERT_TRUE(same(job.prefix, prefix)) << prefix_size << '+' << argument_size;
        ASSERT_TRUE(same(job.arguments.whole(), arguments)) << prefix_size << '+' << argument_size;
        EXPECT_EQ(job.hard_limit.has_value(), limited);
        EXPECT_FALSE(job.soft_limit.has_value());
        if (limited) {
          EXPECT_EQ(*job.hard_limit, std::chrono::seconds(3));
        }
        answer(job, arguments);
        ASSERT_TRUE(receive(5));
        ASSERT_TRUE(same(got.bytes.view(), arguments));
      }
    }
  }
}

TEST_F(Channel, WhatIsLentArrivesInItsPlaceAtEverySize) {
  const auto prefix = pattern(5, 1);
  const auto before = pattern(9, 2);
  const auto behind = pattern(11, 3);
  for (const std::size_t size : {1U, 20U, 500U, 300'000U, 3'000'000U}) {
    for (const bool limited : {false, true}) {
      const auto lent = pattern(size, 4);
      Message message;
      message.id = 5;
      message.prefix = prefix;
      message.arguments = before;
      message.lent = lent;
      message.behind_lent = behind;
      if (limited) message.hard_limit = std::chrono::seconds(3);
      publish(message);
      std::vector<std::byte> whole = before;
      whole.insert(whole.end(), lent.begin(), lent.end());
      whole.insert(whole.end(), behind.begin(), behind.end());
      bool arrived = false;
      std::thread worker([&] {
        const ClaimedJob job = claim();
        arrived = same(job.prefix, prefix) && same(job.arguments.whole(), whole);
        answer(job);
      });
      while (pair.host.streaming() && !pair.starved) pair.host.pump();
      worker.join();
      ASSERT_TRUE(arrived) << size;
      ASSERT_TRUE(receive(5));
    }
  }
}

TEST_F(Channel, AnswersComeInTheOrderOfTheJobs) {
  for (JobId id = 1; id <= 5; ++id) publish(id);
  EXPECT_EQ(pair.host.outstanding(), 5U);
  EXPECT_EQ(pair.host.unclaimed(), 5U);
  for (JobId id = 1; id <= 5; ++id) {
    const ClaimedJob job = claim();
    EXPECT_EQ(job.id, id);
    answer(job);
  }
  EXPECT_EQ(pair.host.unclaimed(), 0U);
  for (JobId id = 1; id <= 5; ++id) EXPECT_TRUE(receive(id));
  EXPECT_EQ(pair.host.outstanding(), 0U);
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_F(Channel, StagedJobsAreSeenAtCommitOnly) {
  Message message;
  message.id = 1;
  pair.host.stage(message);
  message.id = 2;
  pair.host.stage(message);
  EXPECT_EQ(pair.host.unclaimed(), 0U);
  pair.host.commit();
  EXPECT_EQ(pair.host.unclaimed(), 2U);
}

TEST_F(Channel, TakesBackTheNewestOfWhatIsNotClaimed) {
  for (JobId id = 1; id <= 5; ++id) publish(id);
  const ClaimedJob running = claim();
  EXPECT_EQ(pair.host.take_back(2), 2U);  // 5 and 4
  publish(6);
  answer(running);
  for (const JobId id : {JobId{2}, JobId{3}, JobId{6}}) {
    const ClaimedJob job = claim();
    EXPECT_EQ(job.id, id);
    answer(job);
  }
  for (const JobId id : {JobId{1}, JobId{2}, JobId{3}, JobId{6}}) EXPECT_TRUE(receive(id));
}

TEST_F(Channel, TakesBackNothingThatIsClaimed) {
  for (JobId id = 1; id <= 3; ++id) publish(id);
  static_cast<void>(claim());
  EXPECT_EQ(pair.host.take_back(10), 2U);
  EXPECT_EQ(pair.host.take_back(10), 0U);
  EXPECT_EQ(pair.host.outstanding(), 1U);
  EXPECT_EQ(pair.host.unclaimed(), 0U);
}

TEST_F(Channel, TakingBackGivesTheirBytesBackToo) {
  const auto big = pattern(longest_whole_message, 3);
  Message message;
  message.id = 1;
  message.arguments = big;
  publish(message);
  const ClaimedJob first = claim();
  // There is room for one more of these, again and again.
  for (JobId id = 2; id < 20; ++id) {
    message.id = id;
    publish(message);
    EXPECT_FALSE(pair.host.has_room(message));
    ASSERT_EQ(pair.host.take_back(1), 1U);
  }
  EXPECT_TRUE(same(first.arguments.whole(), big));
}

TEST_F(Channel, ArgumentsThatStillComeWhenTheHostGoesAreAnErrorOfTheirReader) {
  const auto long_arguments = pattern(2 * byte_ring_size, 3);
  Message message;
  message.id = 1;
  message.prefix = std::span(long_arguments).first(10);
  message.arguments = long_arguments;
  publish(message);
  const ClaimedJob job = claim();
  EXPECT_TRUE(same(job.prefix, message.prefix));
  ASSERT_NE(job.arguments.stream(), nullptr);
  EXPECT_EQ(job.arguments.stream()->left(), long_arguments.size());
  pair.host_gone = true;
  pair.worker_bell.ring();
  EXPECT_THROW(static_cast<void>(job.arguments.whole()), std::runtime_error);
  pair.worker_bell.ring();
  EXPECT_FALSE(pair.worker.skip_arguments());
}

TEST_F(Channel, HasRoomForAsManyJobsAsItsRingButOne) {
  Message message;
  std::uint32_t count = 0;
  while (pair.host.has_room(message)) {
    message.id = ++count;
    pair.host.stage(message);
    ASSERT_LE(count, ring_slots);
  }
  pair.host.commit();
  EXPECT_EQ(count, ring_slots - 1);
  for (JobId id = 1; id <= count; ++id) {
    const ClaimedJob job = claim();
    ASSERT_EQ(job.id, id);
    answer(job);
  }
  for (JobId id = 1; id <= count; ++id) ASSERT_TRUE(receive(id));
  EXPECT_TRUE(pair.host.has_room(message));
}

TEST_F(Channel, RunningTellsOfTheClaimedJobAndOfASensibleTime) {
  const TimePoint before = Clock::now();
  EXPECT_FALSE(pair.host.running(before, before));
  publish(9);
  static_cast<void>(claim());
  const TimePoint now = Clock::now();
  const auto running = pair.host.running(before, now);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->id, 9U);
  EXPECT_GE(running->started, before);
  EXPECT_LE(running->started, now);
  pair.shared().control.started_at = 0;
  EXPECT_EQ(pair.host.running(before, now)->started, before);
  pair.shared().control.started_at = std::int64_t{1} << 62;
  EXPECT_EQ(pair.host.running(before, now)->started, now);
}

TEST_F(Channel, ADeadWorkerHadStartedOneJobOrNone) {
  for (JobId id = 1; id <= 3; ++id) publish(id);
  EXPECT_EQ(pair.host.started_at_death(), 0U);
  const ClaimedJob first = claim();
  EXPECT_EQ(pair.host.started_at_death(), 1U);
  answer(first);
  ASSERT_TRUE(receive(1));
  EXPECT_EQ(pair.host.started_at_death(), 0U);
  EXPECT_EQ(pair.host.outstanding(), 2U);
}

TEST_F(Channel, StopEndsTheWorkerAfterWhatIsLeft) {
  publish(1);
  publish(2);
  pair.host.stop();
  answer(claim());
  answer(claim());
  ClaimedJob job;
  EXPECT_FALSE(pair.worker.next(job, no_idle));
  EXPECT_FALSE(pair.starved);
}

TEST_F(Channel, HoldKeepsTheWorkerFromClaiming) {
  publish(1);
  pair.host.hold(true);
  ClaimedJob job;
  std::atomic<int> sleeps{0};
  std::thread worker([&] { EXPECT_TRUE(pair.worker.next(job, [&] { ++sleeps; })); });
  while (sleeps == 0) std::this_thread::yield();
  EXPECT_EQ(pair.host.unclaimed(), 1U);
  pair.host.hold(false);
  worker.join();
  EXPECT_EQ(job.id, 1U);
}

TEST_F(Channel, AWorkerOnHoldSleepsEvenIfItIsToldToStop) {
  pair.host.hold(true);
  pair.host.stop();
  ClaimedJob job;
  std::atomic<int> sleeps{0};
  std::thread worker([&] { EXPECT_FALSE(pair.worker.next(job, [&] { ++sleeps; })); });
  while (sleeps == 0) std::this_thread::yield();
  pair.host_gone = true;
  pair.worker_bell.ring();
  worker.join();
}

TEST_F(Channel, AWorkerEndsWhenItsHostIsGone) {
  pair.host_gone = true;
  pair.worker_bell.ring();
  ClaimedJob job;
  EXPECT_FALSE(pair.worker.next(job, no_idle));
}

TEST_F(Channel, ImagesAreToldOnceEach) {
  EXPECT_TRUE(pair.host.announce_image("first"));
  EXPECT_TRUE(pair.host.announce_image(std::string(5000, 'x')));
  std::vector<std::string> seen;
  const auto add = [&](std::string_view record) { seen.emplace_back(record); };
  pair.worker.new_images(add);
  EXPECT_EQ(seen, (std::vector<std::string>{"first", std::string(5000, 'x')}));
  EXPECT_TRUE(pair.host.announce_image("third"));
  pair.worker.new_images(add);
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_FALSE(pair.host.announce_image(std::string(image_records_size, 'y')));
  EXPECT_EQ(pair.host.images_announced(), 3U);
}

TEST_F(Channel, RingsOnceForASeriesOfResultsAndWhenTheAimIsReached) {
  for (JobId id = 1; id <= 6; ++id) publish(id);
  pair.host.aim(4);
  pair.host.arm(WakeWord::Who::leader, false);
  for (int i = 1; i <= 6; ++i) {
    answer(claim());
    EXPECT_EQ(pair.host_bell.rings(), i < 4 ? 0 : 1) << i;
    EXPECT_EQ(pair.host.changed(), i >= 4) << i;
  }
}

TEST_F(Channel, CountersMayRunOverTheirEnds) {
  ChannelTestPeer::start_at(pair.host, pair.worker, Claim::mask - 50, 0xffffffff - 70,
                            (std::uint64_t{1} << 40) - 100);
  JobId next = 1;
  JobId answered = 1;
  const auto text = pattern(100, 4);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 7; ++i) {
      Message message;
      message.id = next++;
      message.arguments = std::span(text).first(static_cast<std::size_t>(i) * 15);
      publish(message);
    }
    ASSERT_EQ(pair.host.take_back(2), 2U);
    next -= 2;
    ASSERT_EQ(pair.host.unclaimed(), 5U);
    for (std::size_t i = 0; i < 5; ++i) {
      const ClaimedJob job = claim();
      ASSERT_TRUE(same(job.arguments.whole(), std::span(text).first(i * 15)));
      answer(job, job.arguments.whole());
      if (i == 2) {
        ASSERT_EQ(pair.host.unclaimed(), 2U);
      }
    }
    for (std::size_t i = 0; i < 5; ++i) {
      ASSERT_TRUE(receive(answered++)) << pair.host.violation();
      ASSERT_TRUE(same(got.bytes.view(), std::span(text).first(i * 15)));
    }
  }
  EXPECT_EQ(pair.host.violation(), nullptr);
}

}  // namespace
}  // namespace procpool::testing
