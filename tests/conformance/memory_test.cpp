// SPDX-License-Identifier: MIT
// Memory: workers that grow too large after a task, and tasks that want too much.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"
#include "helpers/in_memory_backend.hpp"
#include "helpers/sanitizers.hpp"

#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

class Memory : public PoolTest {
 protected:
  /// Why a test that measures or limits real memory cannot run here; empty if it can.
  static std::string obstacle() {
    if (in_memory()) return "its workers share the memory of the test";
    if (under_sanitizer) return "a sanitizer's own memory is in the way";
    return {};
  }
};
PROCPOOL_ON_ALL_BACKENDS(Memory);

/// What a worker was born with counts too: it is measured from outside.
bool limit_counts_all(const PoolOptions& limited) {
  return Pool(limited).memory_limit_by() == MemoryLimitBy::sampling;
}
MemorySize fresh_footprint(PoolOptions options) {
  Pool pool(std::move(options));
  pool.apply(tasks::nothing);
  return pool.stats().workers.at(0).footprint.value();
}

std::string& hoard() {
  static std::string bytes;
  return bytes;
}
/// Keeps so much until the worker ends.
Pid keep(std::size_t mebibytes) {
  hoard().assign(mebibytes << 20U, 'x');
  return tasks::worker_pid();
}
/// Needs so much for a moment.
Pid need_for_a_moment(std::size_t mebibytes) {
  { const std::string needed(mebibytes << 20U, 'x'); }
  return tasks::worker_pid();
}
/// Allocates until it is stopped, or there are so many.
std::size_t devour(std::size_t mebibytes) {
  std::vector<std::unique_ptr<char[]>> eaten;
  for (std::size_t i = 0; i < mebibytes; ++i) {
    eaten.push_back(std::make_unique<char[]>(std::size_t{1} << 20U));
    std::memset(eaten.back().get(), 'x', std::size_t{1} << 20U);
  }
  return eaten.size();
}
std::size_t devour_and_cope(std::size_t mebibytes) {
  try {
    return devour(mebibytes);
  } catch (const std::bad_alloc&) {
    return 0;
  }
}
std::size_t devour_at_3(int x) {
  return devour(x == 3 ? 4096 : 1);
}

TEST_P(Memory, AWorkerThatHasGrownTooLargeIsReplacedAfterItsTask) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(1);
  limited.max_memory_per_child = 48 * MiB;
  Pool pool(std::move(limited));
  const Pid small = pool.apply(keep, 1U);
  EXPECT_EQ(pool.apply(keep, 2U), small) << "it has not grown";
  EXPECT_EQ(pool.apply(keep, 128U), small) << "the result is kept";
  EXPECT_NE(pool.apply(keep, 1U), small);
  EXPECT_EQ(pool.stats().restarts, 1U);
  EXPECT_EQ(pool.stats().lost, 0U);
}

TEST_P(Memory, WhatATaskHasGivenBackDoesNotCount) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(1);
  limited.max_memory_per_child = 48 * MiB;
  Pool pool(std::move(limited));
  const Pid worker = pool.apply(need_for_a_moment, 256U);
  EXPECT_EQ(pool.apply(tasks::worker_pid), worker);
}

TEST_P(Memory, WhatTheHostHasDoesNotCount) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  const std::string of_the_host(std::size_t{256} << 20U, 'x');
  PoolOptions limited = options(1);
  limited.max_memory_per_child = 48 * MiB;
  limited.memory_limit = 64 * MiB;
  Pool pool(std::move(limited));
  const Pid worker = pool.apply(tasks::worker_pid);
  EXPECT_EQ(pool.apply(keep, 1U), worker);
  EXPECT_EQ(pool.apply(tasks::worker_pid), worker);
}

TEST_P(Memory, ATaskThatNeedsMoreThanItMayFailsAlone) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(2);
  limited.memory_limit = 128 * MiB;
  Pool pool(std::move(limited));
  EXPECT_NE(pool.memory_limit_by(), MemoryLimitBy::nobody);
  const tasks::Gate gate;
  const auto beside = pool.apply_async(tasks::wait_at, gate.path(), 7);
  ASSERT_TRUE(gate.reached());
  thrown_by<MemoryLimitExceeded>([&] { pool.apply(devour, 4096U); });
  EXPECT_EQ(pool.apply(devour, 32U), 32U);
  gate.open();
  EXPECT_EQ(beside.get(patience), 7);
  EXPECT_TRUE(is_whole(pool, 2));
}

std::string echo(std::string text) {
  return text;
}

TEST_P(Memory, WhatLargeMessagesHaveTakenIsThereForTheNextTask) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(1);
  limited.memory_limit = 96 * MiB;
  if (limit_counts_all(limited)) *limited.memory_limit = *limited.memory_limit + fresh_footprint(options(1));
  Pool pool(std::move(limited));
  const std::string text(std::size_t{15} << 20U, 'x');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.apply(echo, text).size(), text.size());
  EXPECT_EQ(pool.apply(devour, 72U), 72U);
}

TEST_P(Memory, ArgumentsThatAWorkerHasNoRoomForAreAnErrorOfTheirJob) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(1);
  limited.memory_limit = 96 * MiB;
  if (limit_counts_all(limited)) *limited.memory_limit = *limited.memory_limit + fresh_footprint(options(1));
  Pool pool(std::move(limited));
  if (pool.memory_limit_by() != MemoryLimitBy::kernel)
    GTEST_SKIP() << "no allocation fails where memory is sampled";
  const Pid worker = pool.apply(tasks::worker_pid);
  thrown_by<MemoryLimitExceeded>([&] { pool.apply(echo, std::string(std::size_t{240} << 20U, 'x')); });
  EXPECT_EQ(pool.apply(echo, "short"), "short");
  EXPECT_EQ(pool.apply(tasks::worker_pid), worker);
}

TEST_P(Memory, ATaskThatCopesWithTheLimitKeepsItsResult) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(1);
  limited.memory_limit = 128 * MiB;
  Pool pool(std::move(limited));
  if (pool.memory_limit_by() != MemoryLimitBy::kernel)
    GTEST_SKIP() << "no allocation fails where memory is sampled";
  EXPECT_EQ(pool.apply(devour_and_cope, 4096U), 0U);
}

TEST_P(Memory, AnItemOfAMapFailsAlone) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  PoolOptions limited = options(2);
  limited.memory_limit = 128 * MiB;
  Pool pool(std::move(limited));
  std::string told;
  auto results = pool.imap(devour_at_3, std::vector{1, 2, 3, 4, 5});
  for (int i = 0; i < 5; ++i) {
    try {
      told += results.next(patience) == 1U ? "1" : "?";
    } catch (const MemoryLimitExceeded&) {
      told += "x";
    }
  }
  EXPECT_EQ(told, "11x11");
}

TEST_P(Memory, ATasksOwnBadAllocStaysOneWithoutALimit) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.memory_limit_by(), MemoryLimitBy::nobody);
  thrown_by<std::bad_alloc>([&] { pool.apply([] { throw std::bad_alloc(); }); });
}

// What happens where no kernel helps, played by the backend of threads.
TEST(SampledMemory, AJobWhoseWorkerIsSeenToBeTooLargeIsKilled) {
  auto backend = std::make_shared<InMemoryBackend>();
  Pool pool({.processes = 2, .max_restarts = 0, .backend = backend, .memory_limit = 100 * MiB});
  EXPECT_EQ(pool.memory_limit_by(), MemoryLimitBy::sampling);
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  const Pid worker = running.worker_pids().at(0);
  EXPECT_FALSE(running.ready());
  backend->set_footprint(101 * MiB);
  const auto error = thrown_by<MemoryLimitExceeded>([&] { running.get(patience); });
  EXPECT_NE(std::string(error.what()).find(std::to_string(worker)), std::string::npos) << error.what();
  backend->set_footprint(1 * MiB);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST(SampledMemory, AnIdleWorkerIsLeftAlone) {
  auto backend = std::make_shared<InMemoryBackend>();
  Pool pool({.processes = 1, .backend = backend, .memory_limit = 100 * MiB});
  ASSERT_TRUE(is_whole(pool, 1));
  const Pid worker = pool.worker_pids().at(0);
  backend->set_footprint(101 * MiB);
  pool.maintain_pool();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(backend->kills(), 0U);
  backend->set_footprint(1 * MiB);
  EXPECT_EQ(pool.apply(tasks::worker_pid), worker);
}

TEST(SampledMemory, TheLimitAndTheTimeLimitMayGoTogether) {
  auto backend = std::make_shared<InMemoryBackend>();
  Pool pool({.processes = 1,
             .timeout = std::chrono::milliseconds(50),
             .backend = backend,
             .memory_limit = 100 * MiB});
  thrown_by<TimeLimitExceeded>([&] { pool.apply(tasks::hang); });
  EXPECT_EQ(pool.apply_async(tasks::add, std::tuple{1, 2}, {.timeout = patience}).get(patience), 3);
}

}  // namespace
}  // namespace procpool::testing
