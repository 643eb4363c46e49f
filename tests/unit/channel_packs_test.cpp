// SPDX-License-Identifier: MIT
// Packs: several jobs in one message, which are claimed, taken back and lost one by one.
#include "unit/channel_pair.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

std::string name_of(const ::testing::TestParamInfo<bool>& even) {
  return even.param ? "OfOneLength" : "WithLengths";
}

/// With and without lengths before what the jobs are given and before what they answer.
class Packs : public ::testing::TestWithParam<bool> {
 protected:
  /// The jobs first, first + 1, ...; the arguments of each are its id.
  void publish_pack(JobId first, std::uint32_t count) {
    std::vector<std::byte> arguments;
    for (JobId id = first; id < first + count; ++id) {
      const std::uint32_t length = sizeof id;
      const auto* length_bytes = reinterpret_cast<const std::byte*>(&length);
      const auto* id_bytes = reinterpret_cast<const std::byte*>(&id);
      if (!GetParam()) arguments.insert(arguments.end(), length_bytes, length_bytes + sizeof length);
      arguments.insert(arguments.end(), id_bytes, id_bytes + sizeof id);
    }
    Message message;
    message.id = first;
    message.count = count;
    message.pack = true;
    message.even = GetParam();
    message.arguments = arguments;
    ASSERT_TRUE(pair.host.has_room(message));
    pair.host.stage(message);
    pair.host.commit();
  }
  void publish_job(JobId id) {
    Message message;
    message.id = id;
    pair.host.stage(message);
    pair.host.commit();
  }
  /// Not to be called when there is nothing to claim.
  JobId claim() {
    EXPECT_TRUE(pair.worker.next(job, no_idle));
    return job.id;
  }
  /// Those of the kind `value` alone can do without lengths.
  ResultKind kind() const { return GetParam() ? ResultKind::value : ResultKind::exception; }
  ResultKind kind_of_pack() const { return GetParam() ? ResultKind::values : ResultKind::pack; }
  void answer(std::size_t bytes = 4) {
    const std::vector<std::byte> all(bytes, static_cast<std::byte>(job.id));
    EXPECT_TRUE(pair.worker.publish(job, kind(), all));
  }
  void run(std::uint32_t count) {
    for (; count != 0; --count) {
      claim();
      answer();
    }
  }
  /// The worker finds nothing more, and publishes what it has.
  void run_dry() {
    pair.host.stop();
    EXPECT_FALSE(pair.worker.next(job, no_idle));
  }
  /// How many jobs the next answer is to.
  std::optional<std::uint32_t> receive() {
    if (!pair.host.receive(got)) return std::nullopt;
    pair.host.release();
    return got.count;
  }
  /// The first bytes of the answers in `got`.
  std::vector<int> answers() const {
    std::vector<int> found;
    if (got.kind == ResultKind::values) {
      const std::size_t size = got.bytes.size() / got.count;
      for (std::uint32_t i = 0; i < got.count; ++i)
        found.push_back(static_cast<int>(got.bytes.data()[i * size]));
      return found;
    }
    for (std::span<const std::byte> left = got.bytes.view(); !left.empty();) {
      std::uint32_t length = 0;
      std::memcpy(&length, left.data() + sizeof(ResultKind), sizeof length);
      found.push_back(static_cast<int>(left[answer_header]));
      left = left.subspan(answer_header + length);
    }
    return found;
  }

  ChannelPair pair;
  ClaimedJob job;
  Answer got;
};

INSTANTIATE_TEST_SUITE_P(Items, Packs, ::testing::Bool(), name_of);

using Answers = std::vector<int>;

TEST_P(Packs, AreClaimedOneByOneAndAnsweredTogether) {
  publish_pack(10, 3);
  for (JobId id = 10; id < 13; ++id) {
    ASSERT_EQ(claim(), id);
    EXPECT_EQ(pair.shared().control.current, id);
    EXPECT_EQ(job.continues, id != 10);
    ASSERT_EQ(job.arguments.whole().size(), sizeof id);
    EXPECT_EQ(std::memcmp(job.arguments.whole().data(), &id, sizeof id), 0);
    EXPECT_EQ(receive(), std::nullopt);
    answer();
  }
  run_dry();
  EXPECT_EQ(receive(), 3U);
  EXPECT_EQ(got.kind, kind_of_pack());
  EXPECT_EQ(answers(), (Answers{10, 11, 12}));
  EXPECT_EQ(pair.host.outstanding(), 0U);
}

TEST_P(Packs, AreAnsweredBeforeTheNextMessageBegins) {
  publish_pack(10, 2);
  publish_job(20);
  publish_pack(30, 2);
  run(3);
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(receive(), 1U);
  EXPECT_EQ(got.id, 20U);
  run(2);
  run_dry();
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(answers(), (Answers{30, 31}));
}

TEST_P(Packs, WhatHasNotBegunIsTakenBackAndRunsNoMore) {
  publish_pack(10, 5);
  run(1);
  claim();
  EXPECT_EQ(pair.host.take_back(2), 2U);
  EXPECT_EQ(pair.host.outstanding(), 3U);
  EXPECT_EQ(pair.host.take_back(100), 1U);
  publish_job(50);
  answer();
  EXPECT_EQ(claim(), 50U) << "and not what was taken back";
  EXPECT_FALSE(job.pack);
  answer();
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(answers(), (Answers{10, 11}));
  EXPECT_EQ(receive(), 1U);
  EXPECT_EQ(pair.host.outstanding(), 0U);
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_P(Packs, WhatIsLeftOfALongOneStillArrives) {
  const std::vector<std::byte> prefix(2 * byte_ring_size, std::byte{7});
  const std::uint32_t no_arguments[3] = {};  // the lengths
  Message message;
  message.id = 1;
  message.prefix = prefix;
  message.count = 3;
  message.pack = true;
  message.arguments = std::as_bytes(std::span(no_arguments));
  pair.host.stage(message);
  pair.host.commit();
  bool claimed = false;
  std::thread worker([&] { claimed = pair.worker.next(job, no_idle); });
  while (!pair.host.has_begun()) std::this_thread::yield();
  EXPECT_EQ(pair.host.take_back(2), 2U);
  while (pair.host.streaming()) pair.host.pump();
  worker.join();
  ASSERT_TRUE(claimed);
  EXPECT_EQ(job.id, 1U);
  EXPECT_TRUE(same(job.prefix, prefix));
}

TEST_P(Packs, APackOfWhichTheRestIsTakenBackWhenAllElseIsAnsweredIsDone) {
  publish_pack(10, 3);
  claim();
  answer(draft_size);  // too large for the draft, so it is published at once
  EXPECT_EQ(receive(), 1U);
  EXPECT_EQ(got.kind, kind());
  EXPECT_EQ(pair.host.take_back(5), 2U);
  EXPECT_EQ(pair.host.outstanding(), 0U);
  publish_pack(20, 2);
  run(2);
  run_dry();
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(answers(), (Answers{20, 21}));
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_P(Packs, TheSlotOfAFinishedPackIsNotTakenForItsRest) {
  publish_pack(1, 2);
  run(2);
  publish_job(3);
  run(1);
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(receive(), 1U);
  // The worker's last message is a pack, which the host has forgotten, when its ring goes all the way round.
  publish_pack(4, 1);
  claim();
  answer(draft_size);
  EXPECT_EQ(receive(), 1U);
  JobId id = 5;
  Message message;
  message.count = 2;
  message.pack = true;
  const std::uint32_t lengths[2] = {};
  message.arguments = std::as_bytes(std::span(lengths));
  for (; pair.host.has_room(message); id += 2) {
    message.id = id;
    pair.host.stage(message);
  }
  pair.host.commit();
  for (JobId expected = 5; expected < id; ++expected) {
    ASSERT_EQ(claim(), expected);
    ASSERT_EQ(job.continues, expected % 2 == 0);
    answer();
    const auto count = receive();
    ASSERT_TRUE(!count || *count == 2);
  }
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_P(Packs, AnswersThatDoNotFitTheDraftComeInSeveralResults) {
  publish_pack(10, 100);
  for (int i = 0; i < 100; ++i) {
    claim();
    answer(1000);
  }
  run_dry();
  std::uint32_t answered = 0;
  int results = 0;
  for (; const auto count = receive(); ++results) answered += *count;
  EXPECT_EQ(answered, 100U);
  EXPECT_GT(results, 2);
  EXPECT_EQ(pair.host.outstanding(), 0U);
}

TEST_P(Packs, OfAWorkerThatDiesOnlyTheJobThatRanIsLost) {
  publish_pack(10, 5);
  run(3);
  claim();
  EXPECT_EQ(receive(), std::nullopt);
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(got.count, 3U);
  EXPECT_EQ(answers(), (Answers{10, 11, 12}));
  EXPECT_FALSE(pair.host.salvage(got));
  EXPECT_EQ(pair.host.started_at_death(), 1U);
  EXPECT_EQ(pair.host.outstanding(), 2U);
}

TEST_P(Packs, OfAWorkerThatDiesBetweenTwoJobsNoneIsLost) {
  publish_pack(10, 3);
  run(2);
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(got.count, 2U);
  EXPECT_EQ(pair.host.started_at_death(), 0U);
  EXPECT_EQ(pair.host.outstanding(), 1U);
}

TEST_P(Packs, WhatWasSalvagedIsNotAnsweredTwice) {
  publish_pack(10, 4);
  run(2);
  claim();
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(got.count, 2U);
  answer();
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(answers(), Answers{12});
  run(1);
  run_dry();
  EXPECT_EQ(receive(), 1U);
  EXPECT_EQ(answers(), Answers{13});
  EXPECT_EQ(pair.host.outstanding(), 0U);
}

TEST_P(Packs, OneThatWasSalvagedWholeIsForgottenWithItsResult) {
  publish_pack(10, 2);
  publish_job(20);
  run(2);
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(got.count, 2U);
  EXPECT_EQ(pair.host.outstanding(), 1U);
  run(1);
  EXPECT_EQ(receive(), 0U) << "the result of the pack has nothing new";
  EXPECT_EQ(receive(), 1U);
  EXPECT_EQ(got.id, 20U);
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_P(Packs, AValueOfAnotherLengthAndWhatFollowsItStandBehindTheirLengths) {
  publish_pack(10, 5);
  for (const std::size_t size : {4U, 4U, 5U, 4U, 4U}) {
    claim();
    const std::vector<std::byte> all(size, static_cast<std::byte>(job.id));
    EXPECT_TRUE(pair.worker.publish(job, ResultKind::value, all));
  }
  run_dry();
  EXPECT_EQ(receive(), 2U);
  EXPECT_EQ(got.kind, ResultKind::values);
  EXPECT_EQ(got.bytes.size(), 8U);
  EXPECT_EQ(answers(), (Answers{10, 11}));
  EXPECT_EQ(receive(), 3U);
  EXPECT_EQ(got.kind, ResultKind::pack);
  EXPECT_EQ(answers(), (Answers{12, 13, 14}));
  EXPECT_EQ(pair.host.outstanding(), 0U);
}

TEST_P(Packs, OneBehindAnUnevenOneIsAnsweredWithLengths) {
  const auto answer_with = [this](std::size_t size) {
    claim();
    EXPECT_TRUE(pair.worker.publish(job, ResultKind::value, std::vector<std::byte>(size)));
  };
  std::vector<ResultKind> kinds;
  for (const std::size_t last : {5U, 4U, 4U}) {
    publish_pack(10, 3);
    for (const std::size_t size : {std::size_t{4}, std::size_t{4}, last}) answer_with(size);
    publish_job(20);
    run(1);
    while (receive()) kinds.push_back(got.kind);
  }
  const ResultKind between = kind();
  EXPECT_EQ(kinds, (std::vector<ResultKind>{ResultKind::values, ResultKind::pack, between, ResultKind::pack,
                                            between, ResultKind::values, between}));
}

TEST_P(Packs, TheTimeOfEachIsCountedOnce) {
  const TimePoint begin = Clock::now();
  publish_pack(10, 200);
  for (std::size_t i = 0; i < 200; ++i) {
    claim();
    // Into a draft, too long for one, and into drafts again.
    const std::size_t size = i < 100 ? 4 : i < 110 ? draft_size : 5;
    EXPECT_TRUE(pair.worker.publish(job, ResultKind::value, std::vector<std::byte>(size)));
  }
  run_dry();
  Duration sum{0};
  std::uint32_t answered = 0;
  while (const auto count = receive()) {
    answered += *count;
    sum += got.elapsed;
  }
  EXPECT_EQ(answered, 200U);
  EXPECT_LE(sum, Clock::now() - begin);
}

TEST_P(Packs, AnExceptionAmongValuesIsNotTakenForOne) {
  publish_pack(10, 4);
  run(1);
  claim();
  EXPECT_TRUE(pair.worker.publish(job, ResultKind::exception, std::vector<std::byte>(4, std::byte{11})));
  std::uint32_t answered = receive().value_or(0);
  EXPECT_EQ(answered, GetParam() ? 1U : 0U) << "a value is published before what has a length";
  ASSERT_TRUE(pair.host.salvage(got));
  EXPECT_EQ(got.kind, ResultKind::pack);
  answered += got.count;
  run(2);
  run_dry();
  while (const auto count = receive()) answered += *count;
  EXPECT_EQ(answered, 4U);
  EXPECT_EQ(pair.host.outstanding(), 0U);
  EXPECT_EQ(pair.host.violation(), nullptr);
}

TEST_P(Packs, ValuesOfNothingAreCountedAlone) {
  publish_pack(10, 3);
  for (int i = 0; i < 3; ++i) {
    claim();
    EXPECT_TRUE(pair.worker.publish(job, ResultKind::value, {}));
  }
  run_dry();
  EXPECT_EQ(receive(), 3U);
  EXPECT_EQ(got.kind, ResultKind::values);
  EXPECT_EQ(got.bytes.size(), 0U);
}

/// One pack is out, and two of its jobs are claimed.
class HostilePacks : public Packs {
 protected:
  HostilePacks() {
    publish_pack(1, 4);
    claim();
    answer();
    claim();
  }
  void say(const std::function<void(ResultDescriptor&)>& change) {
    ResultDescriptor& descriptor = pair.shared().results[0];
    descriptor = {};
    descriptor.job_id = 1;
    descriptor.kind = kind_of_pack();
    descriptor.count = 2;
    descriptor.flags = message_flag::in_place;
    change(descriptor);
    pair.shared().control.result_tail = 1;
    EXPECT_EQ(receive(), std::nullopt);
    expect_violation();
  }
  void draft(Draft draft) {
    draft.even = GetParam();
    pair.shared().control.draft = draft.pack();
    EXPECT_FALSE(pair.host.salvage(got));
  }
  void expect_violation() {
    EXPECT_NE(pair.host.violation(), nullptr);
    EXPECT_EQ(pair.host.started_at_death(), 2U) << "nothing that has begun is run again";
  }
};

INSTANTIATE_TEST_SUITE_P(Items, HostilePacks, ::testing::Bool(), name_of);

TEST_P(HostilePacks, MoreAnswersThanJobsAreAViolation) {
  say([](ResultDescriptor& d) { d.count = 5; });
}
TEST_P(HostilePacks, AnAnswerToWhatIsNotClaimedIsAViolation) {
  say([](ResultDescriptor& d) { d.count = 3; });
}
TEST_P(HostilePacks, AnAnswerToAnotherPackIsAViolation) {
  say([](ResultDescriptor& d) { d.job_id = 2; });
}
TEST_P(HostilePacks, AResultLongerThanADraftIsAViolation) {
  say([](ResultDescriptor& d) {
    d.flags = 0;
    d.length = draft_size + 1;
  });
}
TEST_P(HostilePacks, AnAnswerToAJobOfThePackOutOfTurnIsAViolation) {
  say([](ResultDescriptor& d) {
    d.kind = ResultKind::value;
    d.job_id = 2;
  });
}
TEST_P(HostilePacks, ADraftOfMoreThanThePackIsAViolation) {
  draft({0, 5, 50, 0});
  expect_violation();
}
TEST_P(HostilePacks, ADraftOfWhatIsNotClaimedIsAViolation) {
  draft({0, 3, 30, 0});
  expect_violation();
}
TEST_P(HostilePacks, ADraftLongerThanItsPlaceIsAViolation) {
  draft({0, 1, draft_size + 1, 0});
  expect_violation();
}
TEST_P(HostilePacks, ADraftWhoseAnswersReachBeyondItIsAViolation) {
  draft(GetParam() ? Draft{0, 2, 7, 0} : Draft{0, 1, 8, 0});
  expect_violation();
}
TEST_P(HostilePacks, ADraftOfSomethingElseIsNoDraft) {
  draft({77, 1, 9, 0});
  EXPECT_EQ(pair.host.violation(), nullptr);
}
TEST_P(HostilePacks, ADraftThatShrinksAfterItWasSalvagedIsAViolation) {
  ASSERT_TRUE(pair.host.salvage(got));
  pair.shared().results[0] = {};
  pair.shared().results[0].job_id = 1;
  pair.shared().results[0].kind = kind_of_pack();
  pair.shared().results[0].flags = message_flag::in_place;
  pair.shared().control.result_tail = 1;
  EXPECT_EQ(receive(), std::nullopt);
  EXPECT_NE(pair.host.violation(), nullptr);
}

class HostileValues : public HostilePacks {};
INSTANTIATE_TEST_SUITE_P(Items, HostileValues, ::testing::Values(true), name_of);

TEST_P(HostileValues, ThatCannotBeOfOneLengthAreAViolation) {
  say([](ResultDescriptor& d) { d.length = 7; });
}
TEST_P(HostileValues, OfWhichThereAreNoneAreAViolation) {
  say([](ResultDescriptor& d) {
    d.count = 0;
    d.length = 4;
  });
}

TEST(HostileJobs, ASingleJobAnsweredAsAPackIsAViolation) {
  ChannelPair pair;
  Message message;
  message.id = 1;
  pair.host.stage(message);
  pair.host.commit();
  ClaimedJob job;
  ASSERT_TRUE(pair.worker.next(job, no_idle));
  ResultDescriptor& descriptor = pair.shared().results[0];
  descriptor.job_id = 1;
  descriptor.kind = ResultKind::pack;
  descriptor.count = 1;
  descriptor.flags = message_flag::in_place;
  pair.shared().control.result_tail = 1;
  Answer got;
  EXPECT_FALSE(pair.host.receive(got));
  EXPECT_NE(pair.host.violation(), nullptr);
}

}  // namespace
}  // namespace procpool::testing
