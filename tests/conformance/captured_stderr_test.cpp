// SPDX-License-Identifier: MIT
// What workers write to stderr, kept for the error of a worker that is lost.
#include "conformance/pool_test.hpp"

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace procpool::testing {
namespace {

class CapturedStderr : public PoolTest {
 protected:
  void SetUp() override {
    PoolTest::SetUp();
    if (const std::string why = no_captured_stderr(); !in_memory() && !why.empty()) GTEST_SKIP() << why;
  }
  PoolOptions keeping(MemorySize size) {
    PoolOptions with = options(1);
    with.capture_stderr = size;
    return with;
  }
};
PROCPOOL_ON_ALL_BACKENDS(CapturedStderr);

/// Of workers that crash: an emulator that ends itself there writes to their stderr, too.
class CapturedStderrOfACrash : public CapturedStderr {
 protected:
  void SetUp() override {
    CapturedStderr::SetUp();
    if (const std::string why = no_status_of_crashes(); !in_memory() && !why.empty()) GTEST_SKIP() << why;
  }
};
PROCPOOL_ON_ALL_BACKENDS(CapturedStderrOfACrash);

template <class F, class... A>
std::string tail_of(Pool& pool, const F& f, const A&... arguments) {
  return thrown_by<WorkerLostError>([&] { pool.apply(f, arguments...); }).stderr_tail();
}

TEST_P(CapturedStderrOfACrash, IsToldByTheErrorOfALostWorker) {
  Pool pool(keeping(4 * KiB));
  pool.apply(tasks::write_stderr, std::string("the file is odd\n"));
  EXPECT_EQ(tail_of(pool, tasks::write_stderr_and_crash, std::string("giving up\n")),
            "the file is odd\ngiving up\n");
}

TEST_P(CapturedStderrOfACrash, IsEachWorkersOwn) {
  Pool pool(keeping(4 * KiB));
  EXPECT_EQ(tail_of(pool, tasks::write_stderr_and_crash, std::string("one")), "one");
  EXPECT_EQ(tail_of(pool, tasks::write_stderr_and_crash, std::string("two")), "two");
  EXPECT_EQ(tail_of(pool, tasks::segfault), "");
}

TEST_P(CapturedStderr, IsToldHoweverTheWorkerEnded) {
  Pool pool(keeping(4 * KiB));
  pool.apply(tasks::write_stderr, std::string("leaving"));
  EXPECT_EQ(tail_of(pool, tasks::exit_with, 3), "leaving");
  pool.apply(tasks::write_stderr, std::string("waiting"));
  const tasks::Gate gate;
  const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  kill_from_outside(handle.worker_pids().at(0));
  EXPECT_EQ(thrown_by<WorkerLostError>([&] { handle.get(patience); }).stderr_tail(), "waiting");
}

TEST_P(CapturedStderrOfACrash, IsNoLongerThanWasAskedFor) {
  Pool pool(keeping(MemorySize::from_bytes(10)));
  EXPECT_EQ(tail_of(pool, tasks::write_stderr_and_crash, std::string("0123456789abcdefghijklmnop")),
            "ghijklmnop");
  EXPECT_EQ(tail_of(pool, tasks::write_stderr_and_crash, std::string("0123456789")), "0123456789");
}

TEST_P(CapturedStderrOfACrash, OfAWorkerThatFloodsItIsItsEnd) {
  Pool pool(keeping(KiB));
  const std::string tail = tail_of(pool, tasks::flood_stderr_and_crash, std::size_t{8} << 20U);
  EXPECT_EQ(tail.size(), 1024U);
  EXPECT_TRUE(tail.ends_with("again and again\nthe end")) << tail;
}

TEST_P(CapturedStderr, KeepsNoWorkerFromItsWorkHoweverMuchItWrites) {
  PoolOptions with = keeping(KiB);
  with.processes = 2;
  Pool pool(std::move(with));
  const std::string text(100'000, 'x');
  const std::vector<std::string> texts(20, text);
  EXPECT_EQ(pool.map(tasks::write_stderr, texts), std::vector<int>(20, 0));
}

TEST_P(CapturedStderrOfACrash, IsReadByAPoolWithoutThreadsToo) {
  PoolOptions with = keeping(KiB);
  with.threads = false;
  Pool pool(std::move(with));
  EXPECT_TRUE(tail_of(pool, tasks::flood_stderr_and_crash, std::size_t{1} << 20U).ends_with("the end"));
}

TEST_P(CapturedStderr, IsOnlyKeptIfItWasAskedFor) {
  Pool pool = make_pool(1);
  EXPECT_EQ(
      tail_of(pool, tasks::write_stderr_and_crash, std::string("this line is for the test's own stderr\n")),
      "");
}

TEST_P(CapturedStderr, OfAPoolThatEndsWhileItsWorkersWriteKeepsNobodyWaiting) {
  Pool pool(keeping(KiB));
  const auto handle =
      pool.apply_async(tasks::flood_stderr_and_crash, std::numeric_limits<std::size_t>::max() / 2);
  ASSERT_TRUE(becomes_true([&] { return handle.accepted(); }));
  pool.terminate();
  pool.join();
  EXPECT_THROW(handle.get(patience), Terminated);
}

}  // namespace
}  // namespace procpool::testing
