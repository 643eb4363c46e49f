// SPDX-License-Identifier: MIT
// A worker that writes noise into all that it shares with the host, between the host's steps and during them.
#include "helpers/random.hpp"
#include "helpers/sanitizers.hpp"
#include "unit/channel_pair.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

constexpr std::size_t longest_message = 3 * byte_ring_size;

/// Changes words of the shared memory at random: to anything, or to something near what would be right.
class Scribbler {
 public:
  Scribbler(ChannelMemory& memory, std::uint32_t seed) : memory_(memory), random_(seed) {}

  void scribble(JobId expected) {
    if (chance(3)) {
      auto* words = reinterpret_cast<std::uint64_t*>(&memory_.control);
      change(words[random_() % (sizeof(ControlBlock) / sizeof(std::uint64_t))]);
    }
    if (chance(2)) answer(expected);
    if (chance(4)) bump(memory_.control.result_tail, 1 + random_() % 3);
    if (chance(8)) bump(memory_.control.result_bytes_tail, random_() % (2 * byte_ring_size));
    if (chance(8)) bump(memory_.control.job_bytes_read, random_() % (2 * byte_ring_size));
    if (chance(4)) claim();
  }
  [[nodiscard]] Random& random() noexcept { return random_; }
  bool chance(std::uint32_t in) { return random_() % in == 0; }

 private:
  template <class Word>
  void bump(std::atomic<Word>& word, std::uint64_t by) {
    word.store(static_cast<Word>(word.load(std::memory_order_relaxed) + by), std::memory_order_relaxed);
  }
  void claim() {
    Claim claim = Claim::unpack(memory_.control.claim.load(std::memory_order_relaxed));
    claim.head = (claim.head + random_() % 2) & Claim::mask;
    memory_.control.claim.store(claim.pack(), std::memory_order_relaxed);
  }
  std::uint64_t any_number() {
    constexpr std::uint64_t edges[] = {0,
                                       1,
                                       31,
                                       32,
                                       33,
                                       ring_slots,
                                       byte_ring_size,
                                       longest_whole_message,
                                       longest_message,
                                       0x7fffffff,
                                       0x80000000,
                                       ~0U};
    const std::uint64_t edge = edges[random_() % std::size(edges)];
    switch (random_() % 4) {
      case 0:
        return edge + random_() % 5 - 2;
      case 1:
        return std::uint64_t{random_()} << 32 | random_();
      case 2:
        return ~std::uint64_t{0} - random_() % 100;
      default:
        return edge;
    }
  }
  void change(std::uint64_t& word) {
    std::atomic_ref<std::uint64_t> shared(word);
    const std::uint64_t old = shared.load(std::memory_order_relaxed);
    switch (random_() % 4) {
      case 0:
        shared.store(any_number(), std::memory_order_relaxed);
        break;
      case 1:
        shared.store(old + random_() % 9 - 4, std::memory_order_relaxed);
        break;
      case 2:
        shared.store(old ^ std::uint64_t{1} << random_() % 64, std::memory_order_relaxed);
        break;
      default:
        break;
    }
  }
  void answer(JobId expected) {
    ResultDescriptor descriptor{};
    descriptor.job_id = chance(20) ? any_number() : expected;
    descriptor.elapsed_ns = any_number();
    descriptor.length = static_cast<std::uint32_t>(chance(3) ? any_number() : random_() % 33);
    descriptor.kind = static_cast<ResultKind>(chance(10) ? random_() % 256 : random_() % 4);
    descriptor.flags = static_cast<std::uint8_t>(chance(3) ? random_() % 256 : message_flag::in_place);
    if (!chance(2)) descriptor.position = any_number() + memory_.control.result_bytes_read;
    const std::uint32_t tail = memory_.control.results_read.load(std::memory_order_relaxed);
    std::memcpy(&memory_.results[(tail + random_() % 2) % ring_slots], &descriptor, sizeof descriptor);
  }

  ChannelMemory& memory_;
  Random random_;
};

/// Uses a channel as a Dispatcher does, with the checks that hold whatever the other side does.
class Victim {
 public:
  explicit Victim(ChannelPair& pair) : pair_(pair), payload_(2 * byte_ring_size, 0) {}

  [[nodiscard]] JobId expected() const { return front_; }

  void turn(Random& random) {
    HostChannel& host = pair_.host;
    host.note_signals();
    if (host.streaming()) host.pump();
    for (int i = 0; i < 10 && host.receive(answer_); ++i) {
      ASSERT_LE(answer_.bytes.size(), longest_message);
      ASSERT_GE(answer_.elapsed.count(), 0);
      if (answer_.kind != ResultKind::progress) ++front_;
    }
    host.release();
    ASSERT_LE(front_, next_);
    // A job that is answered has no arguments any more.
    ASSERT_TRUE(front_ < next_ || !host.streaming());
    Message message;
    message.id = next_;
    const std::uint32_t size = random() % 20;
    message.arguments =
        std::as_bytes(std::span(payload_)).first(size == 0 ? payload_.size() - random() % 10 : size * 7);
    if (host.has_room(message)) {
      host.stage(message);
      host.commit();
      ++next_;
    }
    if (random() % 4 == 0) {
      const std::uint32_t taken = host.take_back(random() % 4);
      ASSERT_LE(front_ + taken, next_);
      next_ -= taken;
    }
    if (random() % 64 == 0) host.hold(random() % 2 == 0);
    if (host.violation() == nullptr) {
      ASSERT_EQ(host.outstanding(), next_ - front_);
    }
    ASSERT_LE(host.unclaimed(), ring_slots);
    const TimePoint now = Clock::now();
    if (const auto running = host.running(now - std::chrono::seconds(1), now)) {
      ASSERT_LE(running->started, now);
      ASSERT_GE(running->started, now - std::chrono::seconds(1));
    }
    host.aim(1 + random() % 3);
    host.arm(WakeWord::Who::loop, random() % 2 == 0);
    static_cast<void>(host.changed());
  }
  void end() {
    ASSERT_LE(pair_.host.started_at_death(), 1U);
    if (pair_.host.violation() == nullptr) {
      ASSERT_LE(pair_.host.started_at_death(), next_ - front_);
    }
  }

 private:
  ChannelPair& pair_;
  std::string payload_;
  JobId next_ = 1;
  JobId front_ = 1;
  Answer answer_;
};

TEST(ScribblingWorker, ScribblingBetweenTheHostsStepsIsBorne) {
  int violations = 0;
  constexpr std::uint32_t rounds = under_sanitizer ? 200 : 600;
  for (std::uint32_t seed = 0; seed < rounds; ++seed) {
    ChannelPair pair({.max_message = longest_message});
    Scribbler scribbler(pair.shared(), seed);
    Victim victim(pair);
    for (int i = 0; i < 60 && pair.host.violation() == nullptr; ++i) {
      if (static_cast<std::uint32_t>(i) % (1 + seed % 7) == 0) scribbler.scribble(victim.expected());
      victim.turn(scribbler.random());
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    }
    victim.end();
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    violations += pair.host.violation() != nullptr ? 1 : 0;
  }
  EXPECT_GT(violations, static_cast<int>(rounds / 2));
}

TEST(ScribblingWorker, ScribblingWhileTheHostWorksIsBorne) {
  if (under_thread_sanitizer) GTEST_SKIP() << "scribbling on what the host reads is a data race by nature";
  Random random(1);
  const TimePoint end = Clock::now() + std::chrono::seconds(2);
  for (std::uint32_t seed = 0; Clock::now() < end; ++seed) {
    ChannelPair pair({.max_message = longest_message});
    std::atomic<bool> done{false};
    std::atomic<JobId> expected{1};
    std::thread worker([&] {
      Scribbler scribbler(pair.shared(), seed);
      while (!done) scribbler.scribble(expected);
    });
    Victim victim(pair);
    for (int i = 0; i < 2000 && pair.host.violation() == nullptr; ++i) {
      victim.turn(random);
      expected = victim.expected();
      if (::testing::Test::HasFatalFailure()) break;
    }
    done = true;
    worker.join();
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
    victim.end();
  }
}

TEST(ScribblingWorker, ChangingTheClaimWordForEverDoesNotKeepTheHost) {
  ChannelPair pair({.max_message = longest_message});
  Message message;
  for (message.id = 1; message.id <= 100; ++message.id) pair.host.stage(message);
  pair.host.commit();
  std::atomic<bool> done{false};
  std::thread worker([&] {
    std::atomic<std::uint64_t>& claim = pair.shared().control.claim;
    for (std::uint32_t head = 0; !done; head = (head + 1) % 100) claim = Claim{head, 100}.pack();
  });
  // Each of these comes back; claims that are given back are seen sooner or later.
  const TimePoint give_up = Clock::now() + ChannelPair::patience;
  while (pair.host.violation() == nullptr && Clock::now() < give_up) {
    static_cast<void>(pair.host.take_back(1));
    pair.host.hold(true);
    pair.host.hold(false);
  }
  done = true;
  worker.join();
  EXPECT_NE(pair.host.violation(), nullptr);
}

}  // namespace
}  // namespace procpool::testing
