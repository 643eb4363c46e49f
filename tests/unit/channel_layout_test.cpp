// SPDX-License-Identifier: MIT
// The words of the channel that hold several things at once.
#include "channel/layout.hpp"

#include <cstddef>
#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

TEST(ClaimWord, HoldsItsFourPartsApart) {
  for (const std::uint32_t head : {0U, 1U, 0x55555555U, Claim::mask - 1, Claim::mask}) {
    for (const std::uint32_t limit : {0U, 1U, 0x2aaaaaaaU, Claim::mask}) {
      for (const bool hold : {false, true}) {
        for (const bool stop : {false, true}) {
          const Claim claim = Claim::unpack(Claim{head & Claim::mask, limit, hold, stop}.pack());
          EXPECT_EQ(claim.head, head & Claim::mask);
          EXPECT_EQ(claim.limit, limit);
          EXPECT_EQ(claim.hold, hold);
          EXPECT_EQ(claim.stop, stop);
        }
      }
    }
  }
}

TEST(ClaimWord, EveryValueIsAClaim) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t word = random();
    EXPECT_EQ(Claim::unpack(word).pack(), word);
  }
}

TEST(ClaimWord, CountsWhatIsUnclaimedAcrossTheEndOfTheNumbers) {
  EXPECT_EQ((Claim{5, 5}.unclaimed()), 0U);
  EXPECT_EQ((Claim{5, 12}.unclaimed()), 7U);
  EXPECT_EQ((Claim{Claim::mask, 3}.unclaimed()), 4U);
}

TEST(DraftWord, HoldsItsFivePartsApart) {
  for (const std::uint32_t first : {0U, 1U, Claim::mask}) {
    for (const std::uint32_t count : {0U, 1U, most_in_pack}) {
      for (const std::uint32_t length : {0U, 1U, static_cast<std::uint32_t>(draft_size)}) {
        for (const std::uint32_t place : {0U, 1U}) {
          for (const bool even : {false, true}) {
            const Draft draft = Draft::unpack(Draft{first, count, length, place, even}.pack());
            EXPECT_EQ(draft.first, first);
            EXPECT_EQ(draft.count, count);
            EXPECT_EQ(draft.length, length);
            EXPECT_EQ(draft.place, place);
            EXPECT_EQ(draft.even, even);
          }
        }
      }
    }
  }
}

TEST(WakeWord, HoldsItsThreePartsApart) {
  for (const auto who : {WakeWord::Who::nobody, WakeWord::Who::loop, WakeWord::Who::leader}) {
    for (const bool when_dry : {false, true}) {
      for (const std::uint32_t results : {0U, 1U, 0x80000000U, 0xffffffffU}) {
        const WakeWord word{who, when_dry, results};
        EXPECT_EQ(WakeWord::unpack(word.pack()), word);
      }
    }
  }
}

TEST(WakeWord, NonsenseIsNobody) {
  EXPECT_EQ(WakeWord::unpack(3).who, WakeWord::Who::nobody);
  EXPECT_EQ(WakeWord::unpack(~std::uint64_t{0}).who, WakeWord::Who::nobody);
}

TEST(ChannelLayout, WordsOfDifferentWritersShareNoCacheLine) {
  constexpr std::size_t line = 64;
  constexpr std::size_t host = offsetof(ControlBlock, soft_due) / line;
  constexpr std::size_t worker = offsetof(ControlBlock, result_tail) / line;
  constexpr std::size_t current = offsetof(ControlBlock, current) / line;
  constexpr std::size_t claim = offsetof(ControlBlock, claim) / line;
  EXPECT_NE(host, worker);
  EXPECT_NE(host, current);
  EXPECT_NE(claim, current);
  EXPECT_NE(claim, worker);
  EXPECT_NE(offsetof(ControlBlock, worker_sleeps) / line, offsetof(ControlBlock, host_waits) / line);
}

}  // namespace
}  // namespace procpool::detail
