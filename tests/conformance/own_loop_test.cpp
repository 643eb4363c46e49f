// SPDX-License-Identifier: MIT
// Pools without threads of their own, driven by the test as by a host with its own loop.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"
#include "conformance/wait_ready.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class OwnLoop : public PoolTest {
 protected:
  PoolOptions own_loop(std::size_t processes = 2) {
    PoolOptions made = options(processes);
    made.threads = false;
    return made;
  }
};
PROCPOOL_ON_ALL_BACKENDS(OwnLoop);

/// Drives the pool as its documentation says, and by nothing else, until `done`. False if the handle stays
/// silent although there is something to do.
bool drive(Pool& pool, const std::function<bool()>& done) {
  const TimePoint give_up = Clock::now() + patience;
  while (!done()) {
    if (Clock::now() > give_up || !becomes_ready(pool.event_handle(), patience)) return false;
    pool.handle_result_event();
  }
  return true;
}

/// The threads of this process, or 0 where nobody tells.
std::size_t threads_here() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  return error ? 0 : static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

TEST_P(OwnLoop, ResultsArriveThroughTheHandle) {
  Pool pool(own_loop());
  std::vector<ApplyResult<int>> results;
  for (int i = 0; i < 100; ++i) results.push_back(pool.apply_async(tasks::square, i));
  const auto mapped = pool.map_async(tasks::square, std::vector{1, 2, 3});
  ASSERT_TRUE(drive(pool, [&] {
    return mapped.ready() &&
           std::all_of(results.begin(), results.end(), [](const auto& r) { return r.ready(); });
  }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(0s), i * i);
  EXPECT_EQ(mapped.get(0s), (std::vector{1, 4, 9}));
}

TEST_P(OwnLoop, NoThreadIsStarted) {
  if (in_memory()) GTEST_SKIP() << "its workers are threads";
  const std::size_t before = threads_here();
  bool called = false;
  Pool pool(own_loop());
  const auto handle =
      pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) { called = true; }});
  ASSERT_TRUE(drive(pool, [&] { return called; }));
  EXPECT_EQ(handle.get(), 3);
  EXPECT_EQ(threads_here(), before);
}

TEST_P(OwnLoop, CallbacksAreMadeByWhoDrives) {
  std::vector<std::thread::id> callers;
  Pool pool(own_loop());
  const auto note = [&] { callers.push_back(std::this_thread::get_id()); };
  pool.apply_async(
      tasks::add, std::tuple{1, 2},
      {.callback = [&](const int&) { note(); }, .accept_callback = [&](Pid, TimePoint) { note(); }});
  pool.apply_async(tasks::throw_42, std::tuple{}, {.error_callback = [&](std::exception_ptr) { note(); }});
  ASSERT_TRUE(drive(pool, [&] { return callers.size() == 3; }));
  EXPECT_EQ(callers, std::vector<std::thread::id>(3, std::this_thread::get_id()));
}

TEST_P(OwnLoop, CallbacksMaySubmitAndGet) {
  Pool pool(own_loop());
  int sum = 0;
  std::function<void(const int&)> next = [&](const int& value) {
    sum = value + pool.apply(tasks::add, 0, 0);
    if (value < 20) pool.apply_async(tasks::add, std::tuple{value, 1}, {.callback = next});
  };
  pool.apply_async(tasks::add, std::tuple{0, 1}, {.callback = next});
  ASSERT_TRUE(drive(pool, [&] { return sum == 20; }));
}

TEST_P(OwnLoop, ACallbackMayWaitInTheMidstOfAnotherWait) {
  Pool pool(own_loop());
  const tasks::Gate gate;
  std::vector<int> sums;
  // The first runs while the test waits below, the second while the first waits.
  const auto wait_for_sum = [&](const int& value) {
    sums.push_back(pool.apply_async(tasks::add, value, 1).get(patience));
    if (sums.size() == 2) gate.open();
  };
  for (int i = 0; i < 2; ++i) pool.apply_async(tasks::add, std::tuple{10 * i, 1}, {.callback = wait_for_sum});
  EXPECT_EQ(pool.apply_async(tasks::add, 1, 2).get(patience), 3);
  EXPECT_EQ(pool.apply_async(tasks::wait_at, gate.path(), 5).get(patience), 5);
  std::sort(sums.begin(), sums.end());
  EXPECT_EQ(sums, (std::vector{2, 12}));
}

TEST_P(OwnLoop, ACallbackMayEndThePoolInTheMidstOfAWait) {
  auto pool = std::make_unique<Pool>(own_loop());
  const auto hangs = pool->apply_async(tasks::hang);
  pool->apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                      pool->terminate();
                      EXPECT_TRUE(pool->join(patience));
                      pool.reset();
                    }});
  thrown_by<Terminated>([&] { hangs.get(patience); });
  EXPECT_EQ(pool, nullptr);
}

TEST_P(OwnLoop, ACallbackThatHasEndedThePoolMayAskForAFutureAndThrow) {
  std::vector<std::string> logged;
  PoolOptions logging = own_loop();
  logging.on_log = [&](const std::string& message) { logged.push_back(message); };
  auto pool = std::make_unique<Pool>(std::move(logging));
  const auto hangs = pool->apply_async(tasks::hang);
  std::future<int> future;
  pool->apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                      pool->terminate();
                      EXPECT_TRUE(pool->join(patience));
                      pool.reset();
                      future = hangs.to_future();
                      throw std::runtime_error("after the end");
                    }});
  thrown_by<Terminated>([&] { hangs.get(patience); });
  ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
  thrown_by<Terminated>([&] { future.get(); });
  ASSERT_FALSE(logged.empty());
  EXPECT_NE(logged.back().find("has thrown"), std::string::npos) << logged.back();
}

TEST_P(OwnLoop, NoLimitPassesWhileAResultWaitsForTheHost) {
  constexpr std::size_t size = 400 * 1024;  // of which the worker has room for two
  PoolOptions limited = own_loop(1);
  limited.timeout = 2s;
  Pool pool(std::move(limited));
  std::vector<ApplyResult<std::vector<std::uint8_t>>> results;
  for (std::uint32_t i = 0; i < 5; ++i) results.push_back(pool.apply_async(tasks::bytes, size, i));
  results.push_back(pool.apply_async(tasks::bytes, 4 * size, 5U));  // streamed
  results.push_back(pool.apply_async(tasks::bytes, size, 6U));
  // Twice the host does something else: first the third result waits, then the rest of the long one.
  std::this_thread::sleep_for(2500ms);
  pool.handle_result_event();
  EXPECT_EQ(results[4].get(patience).size(), size);
  std::this_thread::sleep_for(2500ms);
  pool.handle_result_event();
  for (std::uint32_t i = 0; i < 7; ++i) {
    const std::size_t expected = i == 5 ? 4 * size : size;
    EXPECT_EQ(results[i].get(patience), tasks::bytes(expected, i)) << i;
  }
}

TEST_P(OwnLoop, ADeadWorkerIsReplacedAndItsJobTold) {
  Pool pool(own_loop());
  for (int i = 0; i < 5; ++i) {
    const auto lost = pool.apply_async(tasks::segfault);
    const auto other = pool.apply_async(tasks::square, i);
    ASSERT_TRUE(drive(pool, [&] { return lost.ready() && other.ready(); }));
    thrown_by<WorkerLostError>([&] { lost.get(0s); });
    EXPECT_EQ(other.get(0s), i * i);
  }
  ASSERT_TRUE(drive(pool, [&] { return pool.worker_pids().size() == 2; }));
}

TEST_P(OwnLoop, AnIdleWorkerThatIsKilledIsReplaced) {
  Mailbox<WorkerInfo> up;
  PoolOptions hooked = own_loop(1);
  hooked.on_process_up = [&](WorkerInfo worker) { up.put(worker); };
  Pool pool(std::move(hooked));
  for (std::size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(drive(pool, [&] { return up.all().size() == i; }));
    kill_from_outside(up.all().back().pid);
  }
  ASSERT_TRUE(drive(pool, [&] { return up.all().size() == 4; }));
  EXPECT_EQ(pool.apply(tasks::worker_pid), up.all().back().pid);
}

TEST_P(OwnLoop, TimeLimitsAreKept) {
  if (const std::string why = no_interruptions(); !why.empty()) GTEST_SKIP() << why;
  std::vector<bool> told;
  Pool pool(own_loop());
  const auto hard = pool.apply_async(tasks::hang, std::tuple{},
                                     {.timeout_callback = [&](bool soft, Duration) { told.push_back(soft); },
                                      .soft_timeout = 20ms,
                                      .timeout = 100ms});
  const auto soft = pool.apply_async([] { this_task::sleep_for(1h); }, std::tuple{}, {.soft_timeout = 50ms});
  ASSERT_TRUE(drive(pool, [&] { return hard.ready() && soft.ready() && told.size() == 2; }));
  thrown_by<TimeLimitExceeded>([&] { hard.get(0s); });
  thrown_by<SoftTimeLimitExceeded>([&] { soft.get(0s); });
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
}

TEST_P(OwnLoop, WhoWaitsDrives) {
  Pool pool(own_loop());
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_EQ(pool.map(tasks::square, std::vector{1, 2, 3}), (std::vector{1, 4, 9}));
  int sum = 0;
  for (const int value : pool.imap(tasks::square, std::vector{1, 2, 3})) sum += value;
  EXPECT_EQ(sum, 14);
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  thrown_by<TimeLimitExceeded>([&] { pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 50ms}).get(); });
  thrown_by<TimeoutError>([&] { pool.apply_async(tasks::hang).get(50ms); });
}

TEST_P(OwnLoop, SeveralThreadsMayWait) {
  Pool pool(own_loop());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.apply(tasks::add, t, i), t + i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(OwnLoop, MaintainPoolServesToo) {
  Pool pool(own_loop(1));
  const auto handle = pool.apply_async(tasks::add, 1, 2);
  EXPECT_TRUE(becomes_true([&] {
    pool.maintain_pool();
    return handle.ready();
  }));
  kill_from_outside(pool.worker_pids().at(0));
  EXPECT_TRUE(becomes_true([&] {
    pool.maintain_pool();
    return pool.stats().restarts == 1 && pool.did_start_ok();
  }));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(OwnLoop, JoinFinishesTheWork) {
  std::vector<int> called;
  Pool pool(own_loop());
  std::vector<ApplyResult<int>> results;
  for (int i = 0; i < 20; ++i) {
    results.push_back(pool.apply_async(tasks::square, std::tuple{i},
                                       {.callback = [&](const int& value) { called.push_back(value); }}));
  }
  pool.close();
  pool.join();
  EXPECT_EQ(called.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(0s), i * i);
}

TEST_P(OwnLoop, TheEndIsPromptWhateverTheWorkersDo) {
  ApplyResult<int> running;
  ApplyResult<int> waiting;
  {
    Pool pool(own_loop(1));
    running = pool.apply_async(tasks::spin_with_signals_blocked);
    waiting = pool.apply_async(tasks::add, 1, 2);
    ASSERT_TRUE(drive(pool, [&] { return running.accepted(); }));
  }
  thrown_by<Terminated>([&] { running.get(0s); });
  thrown_by<Terminated>([&] { waiting.get(0s); });
}

TEST_P(OwnLoop, SubmissionToAFullQueueDrives) {
  PoolOptions limited = own_loop(1);
  limited.max_queued_jobs = 1;
  Pool pool(std::move(limited));
  std::vector<ApplyResult<int>> results;
  for (int i = 0; i < 10; ++i) results.push_back(pool.apply_async(tasks::square, i));
  EXPECT_EQ(results.back().get(patience), 81);
}

TEST_P(OwnLoop, WaitingForASlotDrives) {
  PoolOptions limited = own_loop(1);
  limited.putlocks = true;
  Pool pool(std::move(limited));
  std::vector<ApplyResult<int>> results;
  for (int i = 0; i < 10; ++i) results.push_back(pool.apply_async(tasks::square, i));
  EXPECT_EQ(results.back().get(patience), 81);
}

TEST_P(OwnLoop, HooksOfThePoolsStartAreMadeByTheFirstEvent) {
  PoolOptions hooked = own_loop(2);
  std::size_t up = 0;
  hooked.on_process_up = [&](WorkerInfo) { ++up; };
  Pool pool(std::move(hooked));
  ASSERT_TRUE(drive(pool, [&] { return up == 2; }));
}

TEST_P(OwnLoop, CallbacksComeOneAtATimeWhoeverDrives) {
  std::atomic<int> inside{0};
  std::atomic<int> called{0};
  std::atomic<bool> overlapped{false};
  Pool pool(own_loop());
  const auto work = [&] {
    for (int i = 0; i < 50; ++i) {
      pool.apply_async(tasks::square, std::tuple{i},
                       {.callback =
                            [&](const int&) {
                              if (inside.fetch_add(1) != 0) overlapped = true;
                              std::this_thread::yield();
                              inside.fetch_sub(1);
                              ++called;
                            }})
          .wait();
    }
  };
  std::thread other(work);
  work();
  other.join();
  ASSERT_TRUE(drive(pool, [&] { return called == 100; }));
  EXPECT_FALSE(overlapped);
}

TEST_P(OwnLoop, IsRefusedToPoolsWithThreads) {
  Pool pool = make_pool(1);
  EXPECT_THROW(pool.handle_result_event(), std::logic_error);
  EXPECT_THROW(static_cast<void>(pool.event_handle()), std::logic_error);
}

TEST_P(OwnLoop, SentinelsTellOfADeadWorker) {
  if (in_memory()) GTEST_SKIP() << "threads have no handles";
  Pool pool(own_loop(2));
  ASSERT_TRUE(is_whole(pool, 2));
  const auto sentinels = pool.process_sentinels();
  ASSERT_EQ(sentinels.size(), 2U);
  for (const NativeHandle sentinel : sentinels) EXPECT_FALSE(becomes_ready(sentinel, 0s));
  kill_from_outside(pool.worker_pids().at(0));
  // Nobody drives the pool meanwhile, so the handles stay what they are.
  EXPECT_TRUE(becomes_true([&] {
    return std::count_if(sentinels.begin(), sentinels.end(),
                         [](NativeHandle s) { return becomes_ready(s, 0s); }) == 1;
  }));
  ASSERT_TRUE(drive(pool, [&] { return pool.stats().restarts == 1; }));
}

}  // namespace
}  // namespace procpool::testing
