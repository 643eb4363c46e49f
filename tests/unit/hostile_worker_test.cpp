// SPDX-License-Identifier: MIT
// A worker can write anything into the memory that it shares with the host. The host may call that a
// violation or take no notice; it never crashes, never hangs, and never takes more than a message may be.
#include "unit/channel_pair.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

constexpr std::size_t max_message = 3 * byte_ring_size;

/// One worker that did everything right so far: three jobs are out, the first is claimed.
class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    for (JobId id = 1; id <= 3; ++id) publish(id);
    EXPECT_TRUE(pair.worker.next(job, no_idle));
  }
  void publish(JobId id) {
    Message message;
    message.id = id;
    pair.host.stage(message);
    pair.host.commit();
  }
  /// Publishes an answer to the first job in which `change` has changed something.
  void answer(const std::function<void(ResultDescriptor&)>& change) {
    ResultDescriptor& descriptor = pair.shared().results[0];
    descriptor = {};
    descriptor.job_id = 1;
    descriptor.flags = message_flag::in_place;
    change(descriptor);
    pair.shared().control.result_tail = 1;
  }
  void expect_violation() {
    EXPECT_FALSE(pair.host.receive(got));
    EXPECT_NE(pair.host.violation(), nullptr);
    // After it nothing goes in or out.
    EXPECT_FALSE(pair.host.has_room({}));
    EXPECT_EQ(pair.host.take_back(3), 0U);
    EXPECT_FALSE(pair.host.receive(got));
    EXPECT_LE(pair.host.started_at_death(), 1U);
  }
  void set_claim(std::uint32_t head, std::uint32_t limit, bool hold = false, bool stop = false) {
    pair.shared().control.claim = Claim{head, limit, hold, stop}.pack();
  }
  void expect_claim_violation() {
    static_cast<void>(pair.host.unclaimed());
    expect_violation();
  }

  ChannelPair pair{WorkerTerms{.max_message = max_message}};
  ClaimedJob job;
  Answer got;
};

TEST_F(Hostile, AGoodAnswerIsTaken) {
  answer([](ResultDescriptor& d) { d.length = 32; });
  EXPECT_TRUE(pair.host.receive(got));
  EXPECT_EQ(got.bytes.size(), 32U);
}

TEST_F(Hostile, AnAnswerToAnotherJobIsAViolation) {
  answer([](ResultDescriptor& d) { d.job_id = 2; });
  expect_violation();
}
TEST_F(Hostile, AnAnswerOfUnknownKindIsAViolation) {
  answer([](ResultDescriptor& d) { d.kind = static_cast<ResultKind>(200); });
  expect_violation();
}
TEST_F(Hostile, MoreInlineBytesThanThereAreIsAViolation) {
  answer([](ResultDescriptor& d) { d.length = 33; });
  expect_violation();
}
TEST_F(Hostile, AnAnswerLongerThanAMessageMayBeIsAViolation) {
  for (const std::uint32_t length : {static_cast<std::uint32_t>(max_message + 1), 0xffffffffU}) {
    answer([&](ResultDescriptor& d) {
      d.length = length;
      d.flags = message_flag::streamed;
      d.position = 0;
    });
    expect_violation();
  }
}
TEST_F(Hostile, AnAnswerThatLiesOutsideOfItsRingIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = 0;
    d.length = 100;
    d.position = byte_ring_size - 50;
  });
  expect_violation();
}
TEST_F(Hostile, AnAnswerThatLiesBehindWhatWasReadIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = 0;
    d.length = 100;
    d.position = ~std::uint64_t{0} - 200;
  });
  expect_violation();
}
TEST_F(Hostile, AnAnswerAsLongAsTheRingAheadOfItsPlaceIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = 0;
    d.length = byte_ring_size;
    d.position = byte_ring_size;
  });
  expect_violation();
}
TEST_F(Hostile, AStreamOfAShortAnswerIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = message_flag::streamed;
    d.length = 100;
    d.position = 0;
  });
  expect_violation();
}
TEST_F(Hostile, AStreamThatBeginsElsewhereIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = message_flag::streamed;
    d.length = max_message;
    d.position = 64;
  });
  expect_violation();
}
TEST_F(Hostile, AStreamOfMoreThanTheRingHoldsIsAViolation) {
  answer([](ResultDescriptor& d) {
    d.flags = message_flag::streamed;
    d.length = max_message;
    d.position = 0;
  });
  pair.shared().control.result_bytes_tail = byte_ring_size + 1;
  expect_violation();
}
TEST_F(Hostile, MoreResultsThanTheRingHoldsAreAViolation) {
  answer([](ResultDescriptor&) {});
  pair.shared().control.result_tail = ring_slots + 1;
  expect_violation();
}
TEST_F(Hostile, MoreResultsThanJobsAreAViolation) {
  for (JobId id = 1; id <= 3; ++id) {
    pair.shared().results[id - 1] = {};
    pair.shared().results[id - 1].job_id = id;
    pair.shared().results[id - 1].flags = message_flag::in_place;
  }
  pair.shared().control.result_tail = 4;
  set_claim(3, 3);
  for (JobId id = 1; id <= 3; ++id) ASSERT_TRUE(pair.host.receive(got));
  EXPECT_FALSE(pair.host.receive(got));
  EXPECT_NE(pair.host.violation(), nullptr);
}
TEST_F(Hostile, AnAnswerToAJobThatWasNotClaimedIsAViolation) {
  answer([](ResultDescriptor&) {});
  ASSERT_TRUE(pair.host.receive(got));
  pair.shared().results[1] = {};
  pair.shared().results[1].job_id = 2;
  pair.shared().results[1].flags = message_flag::in_place;
  pair.shared().control.result_tail = 2;
  EXPECT_FALSE(pair.host.receive(got));
  EXPECT_NE(pair.host.violation(), nullptr);
  EXPECT_LE(pair.host.started_at_death(), 1U);
}
TEST_F(Hostile, ResultsThatWereTakenAwayAgainAreAViolation) {
  answer([](ResultDescriptor&) {});
  ASSERT_TRUE(pair.host.receive(got));
  pair.shared().control.result_tail = 0;
  expect_violation();
}

TEST_F(Hostile, ClaimingMoreThanWasPublishedIsAViolation) {
  set_claim(4, 3);
  expect_claim_violation();
}
TEST_F(Hostile, GivingAClaimBackIsAViolation) {
  EXPECT_EQ(pair.host.unclaimed(), 2U);
  set_claim(0, 3);
  expect_claim_violation();
}
TEST_F(Hostile, PublishingAJobItselfIsAViolation) {
  set_claim(1, 4);
  expect_claim_violation();
}
TEST_F(Hostile, TakingAJobBackItselfIsAViolation) {
  set_claim(1, 2);
  expect_claim_violation();
}
TEST_F(Hostile, HoldingItselfIsAViolation) {
  set_claim(1, 3, true);
  expect_claim_violation();
}
TEST_F(Hostile, StoppingItselfIsAViolation) {
  set_claim(1, 3, false, true);
  expect_claim_violation();
}

TEST_F(Hostile, ADeadWorkerThatClaimedSeveralLosesOneJob) {
  set_claim(3, 3);
  EXPECT_EQ(pair.host.started_at_death(), 1U);
  EXPECT_NE(pair.host.violation(), nullptr);
}

TEST_F(Hostile, WordsThatOnlyWakeDoNoHarm) {
  for (const std::uint32_t word : {0U, 1U, 2U, 3U, 77U, 0xffffffffU}) {
    pair.shared().control.worker_sleeps = word;
    pair.shared().control.host_waits = std::uint64_t{word} << 32 | word;
    pair.shared().control.signals = word;
    pair.shared().control.results_read = word;
    pair.shared().control.soft_due = word;
    pair.shared().control.job_bytes_read = word;
    pair.shared().control.max_message = word;
    publish(10 + word);
    pair.host.aim(1);
    pair.host.arm(WakeWord::Who::loop, true);
    static_cast<void>(pair.host.changed());
  }
  EXPECT_EQ(pair.host.violation(), nullptr);
}

}  // namespace
}  // namespace procpool::testing
