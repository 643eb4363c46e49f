// SPDX-License-Identifier: MIT
// Callbacks: what they are told, and what they may do.
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

class Callbacks : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Callbacks);

TEST_P(Callbacks, WhatTheirFunctionsHoldMayUseThePoolWhenItEnds) {
  constexpr std::size_t jobs = 100;
  std::atomic<std::size_t> ended{0};
  Pool pool = make_pool(2);
  for (std::size_t i = 0; i < jobs; ++i) {
    const std::shared_ptr<void> held(nullptr, [&](void*) {
      static_cast<void>(pool.stats());
      ++ended;
    });
    // Nothing is called when the job ends, and nobody keeps its handle.
    auto job = pool.apply_async(tasks::nothing, std::tuple{}, {.accept_callback = [held](Pid, TimePoint) {}});
    if (i % 3 == 0) job.cancel();
    if (i % 3 == 1) job.discard();
  }
  EXPECT_TRUE(becomes_true([&] { return ended == jobs; })) << ended;
}

/// A value that one thread hands to another, once. Declared before the pool, for the reason that Mailbox
/// tells.
template <class T>
class Box {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    ++count_;
    filled_.notify_all();
  }
  T wait() {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, patience, [this] { return value_.has_value(); })) {
      throw std::logic_error("the callback was not called");
    }
    return *value_;
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::optional<T> value_;
  int count_ = 0;
};

template <class E>
bool holds(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

TEST_P(Callbacks, TheResultGoesToTheCallback) {
  Box<int> got;
  Box<std::exception_ptr> failed;
  Pool pool = make_pool();
  const auto handle = pool.apply_async(tasks::add, std::tuple{5, 3},
                                       {.callback = [&](const int& v) { got.put(v); },
                                        .error_callback = [&](std::exception_ptr e) { failed.put(e); }});
  EXPECT_EQ(got.wait(), 8);
  EXPECT_EQ(handle.get(patience), 8);
  pool.close();
  pool.join();
  EXPECT_EQ(got.count(), 1);
  EXPECT_EQ(failed.count(), 0);
}

TEST_P(Callbacks, TheErrorGoesToTheErrorCallback) {
  Box<int> got;
  Box<std::exception_ptr> failed;
  Pool pool = make_pool();
  const auto handle = pool.apply_async(tasks::throw_invalid_argument, std::tuple{std::string("bad")},
                                       {.callback = [&](const int& v) { got.put(v); },
                                        .error_callback = [&](std::exception_ptr e) { failed.put(e); }});
  EXPECT_TRUE(holds<std::invalid_argument>(failed.wait()));
  pool.close();
  pool.join();
  EXPECT_EQ(got.count(), 0);
  EXPECT_EQ(failed.count(), 1);
}

TEST_P(Callbacks, ALostWorkerIsAnErrorToo) {
  Box<std::exception_ptr> failed;
  Pool pool = make_pool();
  pool.apply_async(tasks::exit_with, std::tuple{3},
                   {.error_callback = [&](std::exception_ptr e) { failed.put(e); }});
  EXPECT_TRUE(holds<WorkerLostError>(failed.wait()));
}

TEST_P(Callbacks, AreCalledWithoutAnybodyWaiting) {
  Box<int> got;
  Pool pool = make_pool(1);
  static_cast<void>(
      pool.apply_async(tasks::add, std::tuple{5, 3}, {.callback = [&](const int& v) { got.put(v); }}));
  EXPECT_EQ(got.wait(), 8);
}

TEST_P(Callbacks, AVoidTaskTellsThatItIsDone) {
  Box<bool> done;
  Box<bool> all_done;
  Pool pool = make_pool();
  pool.apply_async(tasks::nothing, std::tuple{}, {.callback = [&] { done.put(true); }});
  EXPECT_TRUE(done.wait());
  pool.map_async([](int) {}, std::vector<int>{1, 2}, {.callback = [&] { all_done.put(true); }});
  EXPECT_TRUE(all_done.wait());
}

TEST_P(Callbacks, AMapTellsOnceWithAllResults) {
  Box<std::vector<int>> got;
  Box<std::vector<int>> nothing;
  Pool pool = make_pool();
  pool.map_async(tasks::square, std::vector<int>{1, 2, 3}, {.callback = [&](const auto& v) { got.put(v); }});
  EXPECT_EQ(got.wait(), (std::vector<int>{1, 4, 9}));
  pool.map_async(tasks::square, std::vector<int>{}, {.callback = [&](const auto& v) { nothing.put(v); }});
  EXPECT_TRUE(nothing.wait().empty());
  pool.close();
  pool.join();
  EXPECT_EQ(got.count(), 1);
  EXPECT_EQ(nothing.count(), 1);
}

TEST_P(Callbacks, AMapWithErrorsTellsTheFirstOnce) {
  Box<std::exception_ptr> failed;
  Pool pool = make_pool();
  pool.map_async(
      [](int x) {
        if (x > 1) throw std::out_of_range(std::to_string(x));
        return x;
      },
      std::vector<int>{1, 2, 3}, {.error_callback = [&](std::exception_ptr e) { failed.put(e); }});
  const auto error = thrown_by<std::out_of_range>([&] { std::rethrow_exception(failed.wait()); });
  EXPECT_STREQ(error.what(), "2");
  pool.close();
  pool.join();
  EXPECT_EQ(failed.count(), 1);
}

TEST_P(Callbacks, AMoveOnlyResultCanBeLookedAt) {
  Box<int> got;
  Pool pool = make_pool();
  auto one = [] { return std::make_unique<int>(1); };
  pool.apply_async(one, std::tuple{}, {.callback = [&](const std::unique_ptr<int>& v) { got.put(*v); }});
  EXPECT_EQ(got.wait(), 1);
}

TEST_P(Callbacks, AcceptedTellsTheWorkerAndTheTimeWhileTheTaskRuns) {
  Box<std::pair<Pid, TimePoint>> accepted;
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const TimePoint before = Clock::now();
  const auto handle = pool.apply_async(tasks::wait_at, std::tuple{gate.path(), 1},
                                       {.accept_callback = [&](Pid pid, TimePoint when) {
                                         accepted.put({pid, when});
                                       }});
  const auto [pid, when] = accepted.wait();
  EXPECT_FALSE(handle.ready());
  EXPECT_EQ(std::vector<Pid>{pid}, pool.worker_pids());
  EXPECT_GE(when, before);
  EXPECT_LE(when, Clock::now());
  gate.open();
  EXPECT_EQ(handle.get(patience), 1);
  pool.close();
  pool.join();
  EXPECT_EQ(accepted.count(), 1);
}

TEST_P(Callbacks, AcceptedIsNotToldOfAJobThatWaits) {
  Box<Pid> accepted;
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto first = pool.apply_async(tasks::wait_at, gate.path(), 1);
  const auto second = pool.apply_async(tasks::add, std::tuple{1, 2},
                                       {.accept_callback = [&](Pid pid, TimePoint) { accepted.put(pid); }});
  ASSERT_TRUE(gate.reached());
  EXPECT_EQ(accepted.count(), 0);
  gate.open();
  const Pid worker = accepted.wait();
  EXPECT_EQ(second.worker_pids(), std::vector<Pid>{worker});
}

TEST_P(Callbacks, AcceptedIsToldOnceForEachChunk) {
  std::atomic<int> accepted{0};
  Pool pool = make_pool();
  pool.map_async(tasks::square, std::vector<int>(10),
                 {.chunksize = 3, .accept_callback = [&](Pid, TimePoint) { ++accepted; }});
  pool.map_async(tasks::square, std::vector<int>(10),
                 {.accept_callback = [&](Pid, TimePoint) { ++accepted; }});
  pool.close();
  pool.join();
  EXPECT_GE(accepted, 4 + 1);
  EXPECT_LE(accepted, 4 + 10);
}

TEST_P(Callbacks, AcceptedComesBeforeTheEndAlsoOfAJobThatCrashesAtOnce) {
  std::mutex mutex;
  std::string order;
  Pool pool = make_pool(1);
  const auto note = [&](char what) {
    const std::lock_guard lock(mutex);
    order += what;
  };
  pool.apply_async(tasks::segfault, std::tuple{},
                   {.error_callback = [&](std::exception_ptr) { note('e'); },
                    .accept_callback = [&](Pid, TimePoint) { note('a'); }});
  pool.apply_async(
      tasks::add, std::tuple{1, 2},
      {.callback = [&](const int&) { note('c'); }, .accept_callback = [&](Pid, TimePoint) { note('A'); }});
  pool.close();
  pool.join();
  EXPECT_EQ(order, "aeAc");
}

TEST_P(Callbacks, RunOneAfterTheOtherOnAThreadOfTheirOwn) {
  std::mutex mutex;
  std::vector<std::thread::id> threads;
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  Pool pool = make_pool(2);
  for (int i = 0; i < 100; ++i) {
    pool.apply_async(tasks::square, std::tuple{i}, {.callback = [&](const int&) {
                       if (++inside != 1) overlapped = true;
                       {
                         const std::lock_guard lock(mutex);
                         threads.push_back(std::this_thread::get_id());
                       }
                       --inside;
                     }});
  }
  pool.close();
  pool.join();
  EXPECT_FALSE(overlapped);
  ASSERT_EQ(threads.size(), 100U);
  for (const std::thread::id id : threads) {
    EXPECT_EQ(id, threads.front());
    EXPECT_NE(id, std::this_thread::get_id());
  }
}

TEST_P(Callbacks, OneThatBlocksHoldsUpNoResults) {
  std::mutex blocker;  // the callback waits for it, perhaps longer than this function runs
  Pool pool = make_pool(1);
  std::unique_lock blocked(blocker);
  pool.apply_async(tasks::add, std::tuple{1, 2},
                   {.callback = [&](const int&) { const std::lock_guard wait(blocker); }});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.apply(tasks::square, i), i * i);
  EXPECT_TRUE(becomes_true([handle = pool.apply_async(tasks::add, 1, 1)] { return handle.ready(); }));
  blocked.unlock();
}

TEST_P(Callbacks, OneThatThrowsIsReportedAndChangesNoResult) {
  Box<std::exception_ptr> reported;
  Box<std::exception_ptr> failed;
  Pool pool = make_pool();
  pool.on_callback_error([&](std::exception_ptr e) { reported.put(e); });
  const auto handle = pool.apply_async(tasks::add, std::tuple{1, 2},
                                       {.callback = [](const int&) { throw std::domain_error("callback"); },
                                        .error_callback = [&](std::exception_ptr e) { failed.put(e); }});
  EXPECT_TRUE(holds<std::domain_error>(reported.wait()));
  EXPECT_EQ(handle.get(patience), 3);
  EXPECT_TRUE(handle.successful());
  EXPECT_EQ(pool.apply(tasks::add, 1, 1), 2);
  pool.close();
  pool.join();
  EXPECT_EQ(failed.count(), 0);
  EXPECT_EQ(reported.count(), 1);
}

TEST_P(Callbacks, WhatOneThrowsGoesToTheHandlerThatWasSetWhileItRan) {
  Box<bool> begun;
  Box<bool> go_on;
  Box<std::exception_ptr> reported;
  Pool pool = make_pool();
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                     begun.put(true);
                     static_cast<void>(go_on.wait());
                     throw std::domain_error("callback");
                   }});
  EXPECT_TRUE(begun.wait());
  pool.on_callback_error([&](std::exception_ptr e) { reported.put(e); });
  go_on.put(true);
  EXPECT_TRUE(holds<std::domain_error>(reported.wait()));
}

TEST_P(Callbacks, AHandlerThatThrowsItselfDoesNoHarm) {
  std::atomic<int> told{0};
  Pool pool = make_pool();
  pool.on_callback_error([&](std::exception_ptr) {
    ++told;
    throw std::domain_error("the handler's own");
  });
  for (int i = 0; i < 3; ++i) {
    pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [](const int&) { throw 1; }});
  }
  EXPECT_TRUE(becomes_true([&] { return told == 3; }));
  EXPECT_EQ(pool.apply(tasks::add, 1, 1), 2);
}

TEST_P(Callbacks, EveryKindThatThrowsIsReported) {
  std::atomic<int> reported{0};
  Pool pool = make_pool();
  pool.on_callback_error([&](std::exception_ptr) { ++reported; });
  const auto handle = pool.apply_async(tasks::throw_42, std::tuple{},
                                       {.error_callback = [](std::exception_ptr) { throw 1; },
                                        .accept_callback = [](Pid, TimePoint) { throw 2; }});
  EXPECT_THROW(handle.get(patience), RemoteError);
  pool.map_async(tasks::square, std::vector<int>{1}, {.callback = [](const auto&) { throw 3; }})
      .get(patience);
  pool.close();
  pool.join();
  EXPECT_EQ(reported, 3);
}

TEST_P(Callbacks, OneThatThrowsUnheardDoesNoHarm) {
  Pool pool = make_pool();
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [](const int&) { throw 1; }});
  EXPECT_EQ(pool.apply(tasks::add, 1, 1), 2);
}

TEST_P(Callbacks, MayGetAnotherJobsResult) {
  Box<int> sum;
  Pool pool = make_pool(1);
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int& v) {
                     const auto other = pool.apply_async(tasks::add, v, 10);
                     sum.put(other.get(patience) + pool.apply(tasks::add, 100, 100));
                   }});
  EXPECT_EQ(sum.wait(), 213);
}

TEST_P(Callbacks, MaySubmitMoreAndAChainRunsToItsEnd) {
  Box<int> end;
  Pool pool = make_pool(1);
  struct Chain {
    Pool& pool;
    Box<int>& end;
    void step(int value) {
      if (value == 50) {
        end.put(value);
        return;
      }
      pool.apply_async(tasks::add, std::tuple{value, 1}, {.callback = [this](const int& v) { step(v); }});
    }
  } chain{pool, end};
  chain.step(0);
  EXPECT_EQ(end.wait(), 50);
}

TEST_P(Callbacks, MayCloseThePool) {
  Box<bool> closed;
  Pool pool = make_pool();
  const auto other = pool.apply_async(tasks::add, 5, 5);
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                     pool.close();
                     closed.put(true);
                   }});
  EXPECT_TRUE(closed.wait());
  pool.join();
  EXPECT_EQ(other.get(patience), 10);
  EXPECT_THROW(pool.apply(tasks::add, 1, 2), PoolClosedError);
}

TEST_P(Callbacks, MayTerminateAndJoinThePool) {
  Box<bool> joined;
  Pool pool = make_pool(2);
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  ASSERT_TRUE(gate.reached());
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                     pool.terminate();
                     joined.put(pool.join(patience));
                   }});
  EXPECT_TRUE(joined.wait());
  EXPECT_THROW(running.get(patience), Terminated);
  pool.join();
}

TEST_P(Callbacks, AreAllMadeBeforeJoinReturns) {
  std::atomic<int> called{0};
  Pool pool = make_pool(2);
  for (int i = 0; i < 500; ++i) {
    pool.apply_async(tasks::square, std::tuple{i}, {.callback = [&](const int&) { ++called; }});
  }
  pool.close();
  pool.join();
  EXPECT_EQ(called, 500);
}

TEST_P(Callbacks, TellOfEveryJobThatThePoolsEndTakesAlong) {
  std::atomic<int> failed{0};
  std::atomic<int> succeeded{0};
  const tasks::Gate gate;
  {
    Pool pool = make_pool(1);
    for (int i = 0; i < 20; ++i) {
      pool.apply_async(
          tasks::wait_at, std::tuple{gate.path(), i},
          {.callback = [&](const int&) { ++succeeded; },
           .error_callback = [&](std::exception_ptr e) { failed += holds<Terminated>(e) ? 1 : 100; }});
    }
    ASSERT_TRUE(gate.reached());
  }
  EXPECT_EQ(failed, 20);
  EXPECT_EQ(succeeded, 0);
}

}  // namespace
}  // namespace procpool::testing
