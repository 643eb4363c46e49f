// SPDX-License-Identifier: MIT
// A worker that answers what the host is still sending to it: the host must not give up the arguments that it
// sends from.
#include "unit/channel_pair.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

/// A channel whose only message is still being sent: one job, or a pack of three. All of it is claimed.
class Sending {
 public:
  explicit Sending(std::uint32_t count) {
    static const std::vector<std::byte> prefix(2 * byte_ring_size);
    static const std::uint32_t no_arguments[3] = {};  // the lengths
    Message message;
    message.id = 1;
    message.prefix = prefix;
    message.count = count;
    message.pack = count > 1;
    if (message.pack) message.arguments = std::as_bytes(std::span(no_arguments).first(count));
    pair.host.stage(message);
    pair.host.commit();
    EXPECT_TRUE(pair.host.streaming());
    pair.shared().control.claim = Claim{count, count}.pack();
  }
  void answer(ResultKind kind, std::uint32_t count) {
    ResultDescriptor& descriptor = pair.shared().results[0];
    descriptor.job_id = 1;
    descriptor.kind = kind;
    descriptor.count = static_cast<std::uint16_t>(count);
    descriptor.length = kind == ResultKind::pack ? static_cast<std::uint32_t>(count * answer_header) : 0;
    descriptor.flags = message_flag::in_place;
    pair.shared().control.result_tail = 1;
  }
  void expect_violation() {
    EXPECT_NE(pair.host.violation(), nullptr);
    EXPECT_FALSE(pair.host.streaming()) << "the arguments may go now";
  }

  ChannelPair pair{WorkerTerms{.max_message = 3 * byte_ring_size}};
  Answer got;
};

TEST(HostileDuringAStream, AnAnswerToAJobThatIsStillBeingSentIsAViolation) {
  Sending one(1);
  one.answer(ResultKind::value, 1);
  EXPECT_FALSE(one.pair.host.receive(one.got));
  one.expect_violation();
}

TEST(HostileDuringAStream, AnAnswerToAPackThatIsStillBeingSentIsAViolation) {
  Sending three(3);
  three.answer(ResultKind::pack, 3);
  EXPECT_FALSE(three.pair.host.receive(three.got));
  three.expect_violation();
}

TEST(HostileDuringAStream, ADraftOfAPackThatIsStillBeingSentIsAViolation) {
  Sending three(3);
  three.pair.shared().control.draft = Draft{.count = 3, .length = 3 * answer_header}.pack();
  EXPECT_FALSE(three.pair.host.salvage(three.got));
  three.expect_violation();
}

TEST(HostileDuringAStream, AReportOnAJobThatIsStillBeingSentIsTaken) {
  // What makes the callable again may report.
  Sending one(1);
  one.answer(ResultKind::progress, 1);
  EXPECT_TRUE(one.pair.host.receive(one.got));
  EXPECT_TRUE(one.pair.host.streaming());
}

}  // namespace
}  // namespace procpool::testing
