// SPDX-License-Identifier: MIT
#include "supervision/restart_limiter.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace procpool::detail {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

TEST(RestartLimiter, AllowsSoManyWithinTheWindow) {
  RestartLimiter limiter(3, 1s);
  EXPECT_TRUE(limiter.allow(start));
  EXPECT_TRUE(limiter.allow(start + 1ms));
  EXPECT_TRUE(limiter.allow(start + 999ms));
  EXPECT_FALSE(limiter.allow(start + 999ms));
}

TEST(RestartLimiter, CountsAnewWhenTheWindowHasPassed) {
  RestartLimiter limiter(2, 1s);
  EXPECT_TRUE(limiter.allow(start));
  EXPECT_TRUE(limiter.allow(start + 500ms));
  EXPECT_TRUE(limiter.allow(start + 1s)) << "the first of a new window";
  EXPECT_TRUE(limiter.allow(start + 1s));
  EXPECT_FALSE(limiter.allow(start + 1999ms));
}

TEST(RestartLimiter, SlowLossesGoOnForEver) {
  RestartLimiter limiter(1, 1s);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.allow(start + i * 1s));
}

TEST(RestartLimiter, AnAcceptedJobEndsTheCount) {
  RestartLimiter limiter(1, 1h);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(limiter.allow(start + i * 1ms));
    limiter.job_accepted();
  }
  EXPECT_TRUE(limiter.allow(start + 101ms));
  EXPECT_FALSE(limiter.allow(start + 102ms));
}

TEST(RestartLimiter, OfNoneRefusesTheFirst) {
  RestartLimiter limiter(0, 1s);
  EXPECT_FALSE(limiter.allow(start));
  EXPECT_FALSE(limiter.allow(start + 1h));
}

}  // namespace
}  // namespace procpool::detail
