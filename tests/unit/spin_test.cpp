// SPDX-License-Identifier: MIT
#include "channel/spin.hpp"

#include <procpool/types.hpp>

#include <chrono>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

using namespace std::chrono_literals;

constexpr Duration length = 10ms;

/// Looks for nothing, and says whether that was more than a glance.
bool looks(Spin& spin) {
  int glances = 0;
  EXPECT_FALSE(spin.until([&] {
    ++glances;
    return false;
  }));
  return glances > 1;
}

TEST(Spin, FindsWhatComesWhileItLooks) {
  Spin spin(length);
  int glances = 0;
  EXPECT_TRUE(spin.until([&] { return ++glances == 10; }));
}

TEST(Spin, NeverLooksWhereThereIsOneCpu) {
  Spin spin(Duration::zero());
  EXPECT_FALSE(looks(spin));
  EXPECT_TRUE(spin.until([] { return true; }));
}

TEST(Spin, AfterALookInVainTheNextIsLongEnoughForASideThatSleeps) {
  const auto finds_what_comes_late = [] {
    Spin spin(length);
    EXPECT_TRUE(looks(spin));
    const TimePoint begin = Clock::now();
    return spin.until([begin] { return Clock::now() - begin > 2 * length; });
  };
  // If this thread is kept from running for long during a look, the next may be too dear.
  const TimePoint begin = Clock::now();
  while (!finds_what_comes_late()) ASSERT_LT(Clock::now() - begin, 30s);
}

TEST(Spin, LooksThatFindGoOnWithoutEnd) {
  Spin spin(length);
  for (int i = 0; i < 1000; ++i) {
    int glances = 0;
    ASSERT_TRUE(spin.until([&] { return ++glances == 2; }));
  }
}

TEST(Spin, LooksInVainTakeASmallPartOfTheTime) {
  Spin spin(length);
  const TimePoint begin = Clock::now();
  int glances = 0;
  int waits = 0;
  // Longer if this thread was kept from running: what it may look for at once does not grow with the time.
  while (Clock::now() - begin < 300ms || (glances <= 100 && waits - glances <= 3)) {
    ++waits;
    glances += looks(spin) ? 0 : 1;
  }
  // Two looks use up what there is at first; without a rest there would be glances only by chance.
  EXPECT_LE(waits - glances, 3);
  EXPECT_GT(glances, 100);
}

}  // namespace
}  // namespace procpool::detail
