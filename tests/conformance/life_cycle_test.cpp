// SPDX-License-Identifier: MIT
// The life of a pool: close, terminate, join, the destructor, moves, pools beside and inside of each other.
#include "conformance/pool_test.hpp"
#include "helpers/sanitizers.hpp"

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class LifeCycle : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(LifeCycle);

TEST_P(LifeCycle, CloseLetsAllWorkFinish) {
  Pool pool = make_pool(2);
  std::vector<ApplyResult<int>> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(pool.apply_async(tasks::square, i));
  pool.close();
  pool.join();
  for (int i = 0; i < 1000; ++i) {
    const auto& handle = handles[static_cast<std::size_t>(i)];
    ASSERT_TRUE(handle.ready());
    EXPECT_EQ(handle.get(), i * i);
  }
}

TEST_P(LifeCycle, CloseOfAPoolThatNeverWorkedEndsIt) {
  Pool pool = make_pool(2);
  pool.close();
  EXPECT_TRUE(pool.join(patience));
  EXPECT_TRUE(pool.worker_pids().empty());
}

TEST_P(LifeCycle, WorkThatCrashesAfterCloseStillSettlesAndTheRestIsDone) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto first = pool.apply_async(tasks::wait_at, gate.path(), 1);
  const auto crash = pool.apply_async(tasks::segfault);
  const auto last = pool.apply_async(tasks::add, 1, 2);
  pool.close();
  gate.open();
  pool.join();
  EXPECT_EQ(first.get(), 1);
  EXPECT_THROW(crash.get(), WorkerLostError);
  EXPECT_EQ(last.get(), 3);
}

TEST_P(LifeCycle, TerminateSettlesWhatRunsAndWhatWaits) {
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> handles;
  for (int i = 0; i < 100; ++i) handles.push_back(pool.apply_async(tasks::wait_at, gate.path(), i));
  ASSERT_TRUE(gate.reached(2));
  pool.terminate();
  pool.join();
  for (const auto& handle : handles) {
    ASSERT_TRUE(handle.ready());
    EXPECT_EQ(thrown_by<Terminated>([&] { handle.get(); }).signal(), SIGTERM);
  }
}

TEST_P(LifeCycle, TerminateKeepsWhatIsDone) {
  Pool pool = make_pool(1);
  const auto done = pool.apply_async(tasks::add, 1, 2);
  ASSERT_TRUE(done.wait(patience));
  pool.terminate();
  pool.join();
  EXPECT_EQ(done.get(), 3);
}

TEST_P(LifeCycle, TerminateEndsWorkersThatBlockAllSignals) {
  Pool pool = make_pool(2);
  const std::vector<Pid> workers = pool.worker_pids();
  const auto handle = pool.apply_async(tasks::spin_with_signals_blocked);
  ASSERT_TRUE(becomes_true([&] { return handle.accepted(); }));
  pool.terminate();
  EXPECT_TRUE(pool.join(patience));
  EXPECT_THROW(handle.get(), Terminated);
  if (in_memory()) return;
  for (const Pid worker : workers) EXPECT_TRUE(tasks::is_gone(worker));
}

TEST_P(LifeCycle, TheDestructorIsPromptWithBusyWorkersAndAFullQueue) {
  std::optional<Pool> pool(make_pool(2));
  std::vector<ApplyResult<int>> handles;
  handles.push_back(pool->apply_async(tasks::hang));
  handles.push_back(pool->apply_async(tasks::spin_with_signals_blocked));
  for (int i = 0; i < 10'000; ++i) handles.push_back(pool->apply_async(tasks::square, i));
  const TimePoint before = Clock::now();
  pool.reset();
  EXPECT_LT(Clock::now() - before, 9s);
  for (const auto& handle : handles) {
    ASSERT_TRUE(handle.ready());
    try {
      handle.get();
    } catch (const Terminated&) {
    }
  }
  EXPECT_THROW(handles.front().get(), Terminated);
}

TEST_P(LifeCycle, JoinOfAnOpenPoolIsRefused) {
  Pool pool = make_pool(1);
  EXPECT_THROW(pool.join(), std::logic_error);
  EXPECT_THROW(pool.join(1s), std::logic_error);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(LifeCycle, JoinWithATimeoutTellsWhetherThePoolHasEnded) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto handle = pool.apply_async(tasks::wait_at, gate.path(), 1);
  pool.close();
  EXPECT_FALSE(pool.join(Duration::zero()));
  EXPECT_FALSE(pool.join(20ms));
  gate.open();
  EXPECT_TRUE(pool.join(patience));
  EXPECT_TRUE(pool.join(Duration::zero()));
  EXPECT_EQ(handle.get(), 1);
}

TEST_P(LifeCycle, CloseTerminateAndJoinMayBeRepeatedInAnyOrder) {
  {
    Pool pool = make_pool(2);
    pool.close();
    pool.close();
    pool.join();
    pool.join();
    pool.terminate();
    pool.close();
    pool.join();
  }
  {
    Pool pool = make_pool(2);
    const auto handle = pool.apply_async(tasks::hang);
    pool.close();
    pool.terminate();
    pool.terminate();
    pool.close();
    pool.join();
    EXPECT_THROW(handle.get(), Terminated);
  }
}

TEST_P(LifeCycle, SeveralThreadsMayEndThePoolAtOnce) {
  Pool pool = make_pool(2);
  for (int i = 0; i < 100; ++i) static_cast<void>(pool.apply_async(tasks::square, i));
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&pool, i] {
      if (i % 2 == 0) {
        pool.close();
      } else {
        pool.terminate();
      }
      pool.join();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(pool.join(Duration::zero()));
}

TEST_P(LifeCycle, AThreadThatWaitsForAJobIsWokenByTheEnd) {
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  const auto waiting = pool.apply_async(tasks::add, 1, 2);
  ASSERT_TRUE(gate.reached());
  std::atomic<int> terminated{0};
  std::vector<std::thread> waiters;
  for (const auto* handle : {&running, &waiting}) {
    waiters.emplace_back([&terminated, handle] {
      try {
        handle->get();
      } catch (const Terminated&) {
        ++terminated;
      }
    });
  }
  pool.terminate();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(terminated, 2);
}

TEST_P(LifeCycle, EverySubmissionToAClosedPoolIsRefused) {
  for (const bool terminated : {false, true}) {
    Pool pool = make_pool(1);
    if (terminated) {
      pool.terminate();
    } else {
      pool.close();
    }
    const std::vector<int> items{1, 2};
    const std::vector<std::tuple<int, int>> pairs{{1, 2}};
    EXPECT_THROW(pool.apply(tasks::square, 1), PoolClosedError);
    EXPECT_THROW(pool.apply_async(tasks::square, 1), PoolClosedError);
    EXPECT_THROW(pool.apply_async(tasks::square, std::tuple{1}), PoolClosedError);
    EXPECT_THROW(pool.map(tasks::square, items), PoolClosedError);
    EXPECT_THROW(pool.map(tasks::square, std::vector<int>{}), PoolClosedError);
    EXPECT_THROW(pool.map_async(tasks::square, items), PoolClosedError);
    EXPECT_THROW(pool.starmap(tasks::add, pairs), PoolClosedError);
    EXPECT_THROW(pool.starmap_async(tasks::add, pairs), PoolClosedError);
    EXPECT_THROW(pool.imap(tasks::square, items), PoolClosedError);
    EXPECT_THROW(pool.imap_unordered(tasks::square, items), PoolClosedError);
    pool.join();
    EXPECT_THROW(pool.apply(tasks::square, 1), PoolClosedError);
  }
}

TEST_P(LifeCycle, SubmissionsThatRaceWithCloseAreEitherDoneOrRefused) {
  constexpr int threads = 3;
  for (int round = 0; round < 4; ++round) {
    Pool pool = make_pool(2);
    std::vector<std::thread> submitters;
    std::atomic<int> begun{0};
    std::atomic<std::size_t> accepted{0};
    std::atomic<std::size_t> right{0};
    for (int thread = 0; thread < threads; ++thread) {
      submitters.emplace_back([&] {
        std::vector<ApplyResult<int>> handles;
        try {
          for (int i = 0;; ++i) {
            handles.push_back(pool.apply_async(tasks::square, i % 1000));
            if (i == 0) ++begun;
          }
        } catch (const PoolClosedError&) {
        }
        accepted += handles.size();
        for (std::size_t i = 0; i < handles.size(); ++i) {
          if (handles[i].get(patience) == static_cast<int>(i % 1000 * (i % 1000))) ++right;
        }
      });
    }
    while (begun != threads) std::this_thread::yield();
    pool.close();
    pool.join();
    for (std::thread& submitter : submitters) submitter.join();
    EXPECT_EQ(right, accepted);
  }
}

TEST_P(LifeCycle, APoolMayBeMoved) {
  Pool pool = make_pool(1);
  const auto before = pool.apply_async(tasks::add, 1, 2);
  Pool moved = std::move(pool);
  EXPECT_EQ(moved.apply(tasks::add, 3, 4), 7);
  EXPECT_EQ(before.get(patience), 3);
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), std::logic_error);
  EXPECT_THROW(static_cast<void>(pool.size()), std::logic_error);
}

TEST_P(LifeCycle, AssigningToAPoolEndsWhatItWas) {
  Pool pool = make_pool(1);
  const auto old = pool.apply_async(tasks::hang);
  pool = make_pool(2);
  EXPECT_THROW(old.get(Duration::zero()), Terminated);
  EXPECT_EQ(pool.size(), 2U);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  Pool& same = pool;
  pool = std::move(same);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(LifeCycle, TwoPoolsLiveSideBySide) {
  Pool one = make_pool(1);
  Pool two = make_pool(2);
  const auto crash = one.apply_async(tasks::segfault);
  EXPECT_EQ(two.map(tasks::square, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 4, 9}));
  EXPECT_THROW(crash.get(patience), WorkerLostError);
  one.terminate();
  one.join();
  EXPECT_EQ(two.apply(tasks::add, 1, 2), 3);
}

TEST_P(LifeCycle, APoolMayBeMadeInOneThreadAndEndedInAnother) {
  std::optional<Pool> pool;
  std::thread([&] { pool.emplace(make_pool(2)); }).join();
  EXPECT_EQ(pool->apply(tasks::add, 1, 2), 3);
  EXPECT_TRUE(is_whole(*pool, 2));  // the thread that made it is gone, and its workers are not
  std::thread([&] { pool.reset(); }).join();
}

TEST_P(LifeCycle, ManyPoolsAfterEachOtherLeaveNothing) {
  for (int i = 0; i < (under_sanitizer ? 6 : 20); ++i) {
    Pool pool = make_pool(2);
    if (i % 2 == 0) {
      EXPECT_EQ(pool.apply(tasks::square, i), i * i);
    }
    if (i % 3 == 0) pool.close();
  }
}

TEST_P(LifeCycle, SeveralThreadsMayMakePoolsAtOnce) {
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    const PoolOptions with = options(1);  // the same backend for pools after each other
    threads.emplace_back([&right, with] {
      for (int i = 0; i < 3; ++i) {
        Pool pool(with);
        if (pool.apply(tasks::square, i) == i * i) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4 * 3);
}

int sum_of_squares_by_inner_pool(int count) {
  Pool inner(2);
  int sum = 0;
  for (const int square : inner.map(tasks::square, std::views::iota(0, count))) sum += square;
  return sum;
}

void hang_with_inner_pool(const std::string& file) {
  Pool inner(2);
  const auto hangs = inner.apply_async(tasks::spin_with_signals_blocked);
  std::string pids;
  for (const Pid pid : inner.worker_pids()) pids += std::to_string(pid) + " ";
  tasks::append_line(file, pids);
  hangs.wait();
}

TEST_P(LifeCycle, ATaskMayUseAPoolOfItsOwn) {
  if (in_memory()) GTEST_SKIP() << "its workers are threads of the test, which already makes such pools";
  Pool pool = make_pool(2);
  EXPECT_EQ(pool.map(sum_of_squares_by_inner_pool, std::vector<int>{3, 4, 5}), (std::vector<int>{5, 14, 30}));
}

TEST_P(LifeCycle, TheWorkersOfAPoolInsideATaskDieWithTheOuterPool) {
  if (in_memory()) GTEST_SKIP() << "its workers are threads of the test, and nobody kills what they start";
  const tasks::Gate folder;
  const std::string file = folder.path() + "/pids";
  {
    Pool pool = make_pool(1);
    static_cast<void>(pool.apply_async(hang_with_inner_pool, file));
    ASSERT_TRUE(becomes_true([&] {
      std::string line;
      std::ifstream stream(file);
      return static_cast<bool>(std::getline(stream, line)) && !stream.eof();
    }));
  }
  std::ifstream stream(file);
  int count = 0;
  for (Pid pid = 0; stream >> pid; ++count) EXPECT_TRUE(tasks::goes_away(pid)) << pid;
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace procpool::testing
