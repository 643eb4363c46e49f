// SPDX-License-Identifier: MIT
// What a soft limit does to a task that waits in the system, and knows nothing of procpool.
#include "posix/process_pool_test.hpp"

#include <cerrno>
#include <chrono>
#include <tuple>
#include <vector>

#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class BlockingCalls : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(BlockingCalls);

int error_of(long outcome) {
  return outcome < 0 ? errno : 0;
}

int read_a_silent_pipe(int) {
  int ends[2];
  char byte = 0;
  if (::pipe(ends) != 0) return -1;
  const int error = error_of(::read(ends[0], &byte, 1));
  ::close(ends[0]);
  ::close(ends[1]);
  return error;
}
int poll_nothing(int) {
  return error_of(::poll(nullptr, 0, 3'600'000));
}
int sleep_an_hour(int) {
  const timespec hour{3600, 0};
  return error_of(::nanosleep(&hour, nullptr));
}

TEST_P(BlockingCalls, ASoftLimitEndsThemWithEintr) {
  Pool pool(options(1));
  for (int (*const task)(int) : {read_a_silent_pipe, poll_nothing, sleep_an_hour}) {
    EXPECT_EQ(pool.apply_async(task, std::tuple(0), {.soft_timeout = 20ms}).get(patience), EINTR);
  }
}

TEST_P(BlockingCalls, OneThatBeginsAfterTheLimitEndsToo) {
  Pool pool(options(1));
  const auto twice = [](int) { return read_a_silent_pipe(0) + read_a_silent_pipe(0); };
  EXPECT_EQ(pool.apply_async(twice, std::tuple(0), {.soft_timeout = 20ms}).get(patience), 2 * EINTR);
}

TEST_P(BlockingCalls, InAMapEachItemsEndsAtItsOwnLimit) {
  Pool pool(options(2));
  const std::vector<int> items(4);
  EXPECT_EQ(pool.map_async(poll_nothing, items, {.soft_timeout = 20ms}).get(patience),
            std::vector<int>(4, EINTR));
}

}  // namespace
}  // namespace procpool::testing
