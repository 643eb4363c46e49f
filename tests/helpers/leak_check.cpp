// SPDX-License-Identifier: MIT
#include "helpers/leak_check.hpp"

#include <chrono>
#include <thread>

namespace procpool::testing {

HeldResources left_behind(const HeldResources& before, const HeldResources& now) {
  HeldResources left;
  for (const auto& entry : now) {
    if (!before.contains(entry.first)) left.insert(entry);
  }
  return left;
}

void LeakCheck::OnTestStart(const ::testing::TestInfo&) {
  before_ = held_resources();
}

void LeakCheck::OnTestEnd(const ::testing::TestInfo&) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  HeldResources left = left_behind(before_, held_resources());
  while (!left.empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    left = left_behind(before_, held_resources());
  }
  if (left.empty()) return;
  std::string list;
  for (const auto& [key, description] : left) list += "\n  " + description;
  ADD_FAILURE() << "the test left behind:" << list;
  kill_processes(left);
}

}  // namespace procpool::testing
