// SPDX-License-Identifier: MIT
#include "channel/spin.hpp"

#include <procpool/types.hpp>

#include <chrono>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

using namespace std::chrono_literals;

constexpr Duration length = 1ms;

bool nothing() {
  return false;
}

/// Looks for nothing, and says whether that was more than a glance.
bool looks(Spin& spin) {
  int glances = 0;
  EXPECT_FALSE(spin.until([&] {
    ++glances;
    return false;
  }));
  return glances > 1;
}

/// So many looks in vain, that the next are glances.
Spin tired_spin() {
  Spin spin(length);
  for (int i = 0; i < 100; ++i) spin.until(nothing);
  while (looks(spin)) {
  }
  return spin;
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

TEST(Spin, RestsAfterLooksInVainButForOneNowAndThen) {
  Spin spin = tired_spin();
  int looked = 0;
  for (int i = 0; i < 160; ++i) looked += looks(spin) ? 1 : 0;
  EXPECT_EQ(looked, 10);
}

TEST(Spin, WakesUpWithALookThatIsLongEnoughForASideThatSleeps) {
  Spin spin = tired_spin();
  const auto comes_late = [&] {
    const TimePoint begin = Clock::now();
    return spin.until([begin] { return Clock::now() - begin > 2 * length; });
  };
  int tries = 1;
  while (!comes_late()) ASSERT_LT(++tries, 100);
  EXPECT_GT(tries, 1);
  EXPECT_TRUE(looks(spin));
}

}  // namespace
}  // namespace procpool::detail
