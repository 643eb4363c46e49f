// SPDX-License-Identifier: MIT
#include "supervision/output_tail.hpp"

#include "helpers/random.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

TEST(OutputTail, IsTheEndOfAllThatWasAppended) {
  Random random(7);
  for (const std::size_t capacity : {1U, 2U, 10U, 4096U}) {
    detail::OutputTail tail(capacity);
    std::string all;
    for (int i = 0; i < 300; ++i) {
      const std::string piece(random.below(30), static_cast<char>('a' + i % 26));
      tail.append(piece);
      all += piece;
      ASSERT_EQ(tail.text(), all.substr(all.size() - std::min(all.size(), capacity))) << capacity;
    }
  }
}

TEST(OutputTail, TakesNothingAtAllIfItMayKeepNothing) {
  detail::OutputTail tail(0);
  tail.append("some");
  EXPECT_EQ(tail.text(), "");
}

}  // namespace
}  // namespace procpool::testing
