// SPDX-License-Identifier: MIT
/// \file
/// Fails every test that leaves a process, thread, descriptor or shared segment behind.
#pragma once

#include "helpers/held_resources.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace procpool::testing {

/// A listener for GoogleTest: looks before each test and after it. Things end asynchronously, so that it
/// looks again for a few seconds before it calls something left behind; what is left then is listed and, if
/// it is a process, killed.
class LeakCheck : public ::testing::EmptyTestEventListener {
 public:
  static constexpr std::chrono::seconds patience{20};

  void OnTestStart(const ::testing::TestInfo& test) override;
  void OnTestEnd(const ::testing::TestInfo& test) override;

 private:
  HeldResources before_;
};

/// What `now` has that `before` had not.
[[nodiscard]] HeldResources left_behind(const HeldResources& before, const HeldResources& now);

}  // namespace procpool::testing
