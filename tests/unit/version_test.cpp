// SPDX-License-Identifier: MIT
#include <procpool/version.hpp>

#include <string>

#include <gtest/gtest.h>

TEST(Version, HeaderAndBuildAgree) {
  const std::string header = std::to_string(PROCPOOL_VERSION_MAJOR) + "." +
                             std::to_string(PROCPOOL_VERSION_MINOR) + "." +
                             std::to_string(PROCPOOL_VERSION_PATCH);
  EXPECT_EQ(header, PROCPOOL_CMAKE_VERSION);
}
