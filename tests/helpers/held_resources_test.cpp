// SPDX-License-Identifier: MIT
// The leak check must see what it is for. Each test makes a leak, sees it named, and cleans up.
#include "helpers/held_resources.hpp"

#include "helpers/leak_check.hpp"
#include "helpers/tasks.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

struct HeldResourcesTest : ::testing::Test {
  void SetUp() override {
    if (held_resources().empty()) GTEST_SKIP() << "nobody has written how to find leftovers on this system";
    before_ = held_resources();
  }
  [[nodiscard]] std::string left() const {
    std::string text;
    for (const auto& [key, description] : left_behind(before_, held_resources())) text += description + "\n";
    return text;
  }
  HeldResources before_;
};

TEST_F(HeldResourcesTest, NothingNewIsNothingLeft) {
  EXPECT_EQ(left(), "");
}

TEST_F(HeldResourcesTest, SeesADescriptor) {
  const int copy = dup(STDERR_FILENO);
  EXPECT_NE(left().find("descriptor " + std::to_string(copy)), std::string::npos) << left();
  close(copy);
  EXPECT_EQ(left(), "");
}

TEST_F(HeldResourcesTest, SeesAThread) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::thread thread([&] { const std::lock_guard wait(mutex); });
  EXPECT_NE(left().find("thread "), std::string::npos) << left();
  lock.unlock();
  thread.join();
}

TEST_F(HeldResourcesTest, SeesAZombieChild) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_NE(left().find("child " + std::to_string(child)), std::string::npos) << left();
  waitpid(child, nullptr, 0);
  EXPECT_EQ(left(), "");
}

TEST_F(HeldResourcesTest, SeesAnOrphanedDescendantAndKillsIt) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t orphan = fork();
    if (orphan == 0) {
      setsid();
      while (true) pause();
    }
    _exit(write(ready[1], &orphan, sizeof orphan) == sizeof orphan ? 0 : 1);
  }
  pid_t orphan = 0;
  ASSERT_EQ(read(ready[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  EXPECT_NE(left().find("descendant " + std::to_string(orphan)), std::string::npos) << left();
  kill_processes(left_behind(before_, held_resources()));
  EXPECT_TRUE(tasks::goes_away(orphan));
}

}  // namespace
}  // namespace procpool::testing
