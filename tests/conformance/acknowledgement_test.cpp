// SPDX-License-Identifier: MIT
// Jobs that wait for the host's word, slots that calls wait for, and hooks around jobs.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class Acknowledgement : public PoolTest {
 protected:
  PoolOptions synack(std::size_t processes = 2) {
    PoolOptions made = options(processes);
    made.synack = true;
    return made;
  }
};
PROCPOOL_ON_ALL_BACKENDS(Acknowledgement);

/// Holds a callback up until the test says so, or ends.
class Hold {
 public:
  ~Hold() { open(); }
  void open() {
    if (!open_.exchange(true)) promise_.set_value();
  }
  void wait() { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
  std::atomic<bool> open_{false};
};

TEST_P(Acknowledgement, EveryKindOfCallWorksWithIt) {
  Pool pool(synack());
  EXPECT_EQ(pool.apply(tasks::add, 2, 3), 5);
  const auto bytes = tasks::bytes(std::size_t{5} << 20U, 5);
  EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
  EXPECT_EQ(pool.map(tasks::square, std::vector{1, 2, 3}), (std::vector{1, 4, 9}));
  EXPECT_EQ(pool.map(tasks::square, std::vector{1, 2, 3}, 2), (std::vector{1, 4, 9}));
  int sum = 0;
  for (const int value : pool.imap(tasks::square, std::vector{1, 2, 3})) sum += value;
  EXPECT_EQ(sum, 14);
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
  thrown_by<TimeLimitExceeded>(
      [&] { pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 50ms}).get(patience); });
  std::vector<ApplyResult<int>> many;
  for (int i = 0; i < 200; ++i) many.push_back(pool.apply_async(tasks::square, i));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(many[static_cast<std::size_t>(i)].get(patience), i * i);
  EXPECT_TRUE(is_whole(pool, 2));
}

TEST_P(Acknowledgement, AnAcceptCallbackThatThrowsRefusesTheJob) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/trace";
  Mailbox<std::pair<JobId, bool>> acks;
  PoolOptions asking = synack(1);
  asking.send_ack = [&](const JobInfo& job, bool accepted) { acks.put({job.id, accepted}); };
  Pool pool(std::move(asking));
  const auto refused =
      pool.apply_async(tasks::leave_a_trace, std::tuple{file},
                       {.accept_callback = [](Pid, TimePoint) { throw std::runtime_error("not now"); }});
  thrown_by<Terminated>([&] { refused.get(patience); });
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(pool.apply(tasks::leave_a_trace, file), 1);
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(acks.first(2).front(), std::pair(refused.job_id(), false));
  EXPECT_TRUE(acks.first(2).back().second);
  EXPECT_EQ(pool.stats().restarts, 0U) << "a refusal costs no worker";
}

TEST_P(Acknowledgement, AMapOfWhichAllItemsAreRefusedWasNotAccepted) {
  Pool pool(synack(1));
  const auto refused =
      pool.map_async(tasks::square, std::vector{1, 2},
                     {.accept_callback = [](Pid, TimePoint) { throw std::runtime_error("not now"); }});
  thrown_by<Terminated>([&] { refused.get(patience); });
  EXPECT_FALSE(refused.accepted());
}

TEST_P(Acknowledgement, ARefusedJobMayHaveLongArguments) {
  Pool pool(synack(1));
  const auto bytes = tasks::bytes(std::size_t{5} << 20U, 5);
  for (int i = 0; i < 3; ++i) {
    const auto refused =
        pool.apply_async(tasks::echo_bytes, std::tuple{bytes},
                         {.accept_callback = [](Pid, TimePoint) { throw std::runtime_error("not now"); }});
    thrown_by<Terminated>([&] { refused.get(patience); });
    EXPECT_EQ(pool.apply(tasks::echo_bytes, bytes), bytes);
  }
  EXPECT_EQ(pool.stats().restarts, 0U);
}

TEST_P(Acknowledgement, NothingRunsBeforeTheHostsWord) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/trace";
  Hold hold;
  Mailbox<int> asked;
  Pool pool(synack(1));
  const auto handle =
      pool.apply_async(tasks::leave_a_trace, std::tuple{file}, {.accept_callback = [&](Pid, TimePoint) {
                         asked.put(1);
                         hold.wait();
                       }});
  asked.first(1);
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(handle.ready());
  hold.open();
  EXPECT_EQ(handle.get(patience), 1);
}

TEST_P(Acknowledgement, AJobThatIsCancelledWhileItAsksNeverRuns) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/trace";
  Hold hold;
  Mailbox<int> asked;
  Pool pool(synack(1));
  auto handle =
      pool.apply_async(tasks::leave_a_trace, std::tuple{file}, {.accept_callback = [&](Pid, TimePoint) {
                         asked.put(1);
                         hold.wait();
                       }});
  asked.first(1);
  EXPECT_TRUE(handle.cancel());
  thrown_by<Terminated>([&] { handle.get(patience); });
  hold.open();
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(pool.stats().restarts, 0U);
}

TEST_P(Acknowledgement, ThePoolsEndDoesNotWaitForTheWord) {
  Hold hold;
  Mailbox<int> asked;
  ApplyResult<int> handle;
  {
    Pool pool(synack(1));
    handle = pool.apply_async(tasks::add, std::tuple{1, 2}, {.accept_callback = [&](Pid, TimePoint) {
                                asked.put(1);
                                hold.wait();
                              }});
    asked.first(1);
    pool.terminate();
    thrown_by<Terminated>([&] { handle.get(patience); });
    hold.open();
  }
}

TEST_P(Acknowledgement, ACallbackMayWaitForJobsThatNeedTheWord) {
  PoolOptions asking = synack(1);
  asking.max_queued_jobs = 1;
  Mailbox<int> sum;
  Pool pool(std::move(asking));
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int& v) {
                     int total = v;
                     const auto first = pool.apply_async(tasks::add, v, 10);
                     const auto second = pool.apply_async(tasks::add, v, 20);  // when there is room for it
                     total += first.get(patience) + second.get(patience);
                     for (const int more : pool.imap_unordered(tasks::square, std::vector{1, 2}))
                       total += more;
                     sum.put(total);
                   }});
  EXPECT_EQ(sum.first(1).at(0), 3 + 13 + 23 + 1 + 4);
}

TEST_P(Acknowledgement, ACallbackMayWaitForASlotOfJobsThatNeedTheWord) {
  PoolOptions asking = synack(1);
  asking.putlocks = true;
  Mailbox<int> sum;
  Pool pool(std::move(asking));
  pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int& v) {
                     const auto first = pool.apply_async(tasks::add, v, 10);
                     sum.put(pool.apply(tasks::add, v, 20) + first.get(patience));
                   }});
  EXPECT_EQ(sum.first(1).at(0), 13 + 23);
}

TEST_P(Acknowledgement, ACallbackMayJoinAPoolWhoseJobsNeedTheWord) {
  Mailbox<bool> joined;
  Pool pool(synack(1));
  const auto first = pool.apply_async(tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
                                        pool.apply_async(tasks::add, 3, 4);
                                        pool.close();
                                        joined.put(pool.join(patience));
                                      }});
  EXPECT_TRUE(joined.first(1).at(0));
}

TEST_P(Acknowledgement, WithoutAThreadTheWordIsGivenByWhoDrives) {
  PoolOptions own_loop = synack(1);
  own_loop.threads = false;
  Pool pool(std::move(own_loop));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  EXPECT_EQ(pool.map(tasks::square, std::vector{1, 2, 3}), (std::vector{1, 4, 9}));
}

TEST_P(Acknowledgement, WithoutAThreadACallbackMayWaitWhileAnotherThreadDoes) {
  PoolOptions own_loop = synack(2);
  own_loop.threads = false;
  Pool pool(std::move(own_loop));
  const auto call = [&pool] { return pool.apply_async(tasks::add, std::tuple{1, 2}).get(patience); };
  std::thread other;
  bool called = false;
  pool.apply_async(
      tasks::add, std::tuple{1, 2}, {.callback = [&](const int&) {
        other = std::thread([&] { EXPECT_EQ(call(), 3); });
        std::this_thread::sleep_for(20ms);  // so that the other waits first; either order is right
        EXPECT_EQ(call(), 3);
        called = true;
      }});
  while (!called) pool.handle_result_event();
  other.join();
}

TEST_P(Acknowledgement, ReadyJobsAreToldBeforeTheirCallbacks) {
  Mailbox<std::string> told;
  PoolOptions hooked = options(1);
  hooked.on_job_ready = [&](const JobInfo& job) { told.put("ready " + job.correlation_id); };
  Pool pool(std::move(hooked));
  pool.apply_async(tasks::add, std::tuple{1, 2},
                   {.callback = [&](const int&) { told.put("callback"); }, .correlation_id = "first"});
  EXPECT_EQ(told.first(2), (std::vector<std::string>{"ready first", "callback"}));
  pool.apply_async(tasks::segfault, std::tuple{}, {.correlation_id = "lost"});
  EXPECT_EQ(told.first(3).back(), "ready lost");
}

TEST_P(Acknowledgement, JobsWithLimitsAreToldWhenTheyBeginAndEnd) {
  struct Told {
    std::string what;
    Pid pid;
    std::optional<Duration> soft;
    std::optional<Duration> hard;
  };
  Mailbox<Told> told;
  PoolOptions hooked = options(1);
  hooked.on_timeout_set = [&](const JobInfo& job, std::optional<Duration> soft,
                              std::optional<Duration> hard) {
    told.put({"set " + job.correlation_id, job.pid, soft, hard});
  };
  hooked.on_timeout_cancel = [&](const JobInfo& job) {
    told.put({"cancel " + job.correlation_id, job.pid, {}, {}});
  };
  Pool pool(std::move(hooked));
  const Pid worker = pool.apply(tasks::worker_pid);
  pool.apply_async(tasks::nothing, std::tuple{}, {.soft_timeout = 5s, .timeout = 1h, .correlation_id = "a"})
      .get();
  const auto first = told.first(2);
  EXPECT_EQ(first[0].what, "set a");
  EXPECT_EQ(first[0].pid, worker);
  EXPECT_EQ(first[0].soft, std::optional<Duration>(5s));
  EXPECT_EQ(first[0].hard, std::optional<Duration>(1h));
  EXPECT_EQ(first[1].what, "cancel a");
  const auto killed = pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 50ms, .correlation_id = "b"});
  thrown_by<TimeLimitExceeded>([&] { killed.get(patience); });
  const auto second = told.first(4);
  EXPECT_EQ(second[2].what, "set b");
  EXPECT_EQ(second[2].soft, std::nullopt);
  EXPECT_EQ(second[3].what, "cancel b");
  EXPECT_EQ(told.all().size(), 4U) << "jobs without limits are not told of";
}

TEST_P(Acknowledgement, WithoutEnableTimeoutsLimitsAreRefused) {
  PoolOptions without = options(1);
  without.enable_timeouts = false;
  {
    Pool pool(without);
    const auto error = thrown_by<std::invalid_argument>(
        [&] { pool.apply_async(tasks::nothing, std::tuple{}, {.timeout = 1s}); });
    EXPECT_NE(std::string(error.what()).find("enable_timeouts"), std::string::npos) << error.what();
    EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  }
  PoolOptions contrary = options(1);
  contrary.enable_timeouts = false;
  contrary.timeout = 1s;
  const auto error = thrown_by<std::invalid_argument>([&] { Pool never(contrary); });
  EXPECT_NE(std::string(error.what()).find("enable_timeouts"), std::string::npos) << error.what();
}

TEST_P(Acknowledgement, PutlocksLetACallWaitForAFreeWorker) {
  PoolOptions locked = options(1);
  locked.putlocks = true;
  Pool pool(std::move(locked));
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  const auto beside = pool.apply_async(tasks::square, std::tuple{2},
                                       {.waitforslot = false});  // neither waits nor takes a slot
  std::atomic<bool> submitted{false};
  std::thread submitter([&] {
    const auto handle = pool.apply_async(tasks::square, 3);
    submitted = true;
    EXPECT_EQ(handle.get(patience), 9);
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(submitted);
  gate.open();
  submitter.join();
  EXPECT_EQ(running.get(patience), 1);
  EXPECT_EQ(beside.get(patience), 4);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.apply(tasks::square, i), i * i);
}

TEST_P(Acknowledgement, ASemaphoreIsGivenBackWhateverBecomesOfTheJob) {
  const auto semaphore = std::make_shared<Semaphore>(3);
  PoolOptions shared = options(1);
  shared.semaphore = semaphore;
  {
    Pool pool(std::move(shared));
    const tasks::Gate gate;
    auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
    ASSERT_TRUE(gate.reached());
    auto waiting = pool.apply_async(tasks::square, 2);
    EXPECT_EQ(semaphore->free(), 1U);
    EXPECT_TRUE(waiting.cancel());
    EXPECT_EQ(semaphore->free(), 2U);
    running.terminate();
    thrown_by<Terminated>([&] { running.get(patience); });
    EXPECT_EQ(semaphore->free(), 3U);
    thrown_by<WorkerLostError>([&] { pool.apply(tasks::segfault); });
    thrown_by<std::invalid_argument>([&] { pool.apply(tasks::throw_invalid_argument, "x"); });
    thrown_by<std::invalid_argument>(
        [&] { pool.apply_async(tasks::nothing, std::tuple{}, {.timeout = -1s}); });
    EXPECT_EQ(semaphore->free(), 3U);
    pool.apply_async(tasks::hang);
    pool.apply_async(tasks::hang).discard();
    pool.map_async(tasks::square, std::vector{1, 2, 3});
    EXPECT_EQ(semaphore->free(), 2U) << "maps take no slot";
  }
  EXPECT_EQ(semaphore->free(), 3U);
}

TEST_P(Acknowledgement, AClosedPoolSendsAwayWhoWaitsForASlot) {
  PoolOptions locked = options(1);
  locked.putlocks = true;
  Pool pool(std::move(locked));
  const tasks::Gate gate;
  const auto running = pool.apply_async(tasks::wait_at, gate.path(), 1);
  std::atomic<bool> refused{false};
  std::thread submitter([&] {
    thrown_by<PoolClosedError>([&] { pool.apply_async(tasks::square, 3); });
    refused = true;
  });
  std::this_thread::sleep_for(50ms);  // as below
  pool.close();
  EXPECT_TRUE(becomes_true([&] { return refused.load(); }));
  gate.open();
  submitter.join();
  EXPECT_EQ(running.get(patience), 1);
}

TEST_P(Acknowledgement, ASlotIsNotWaitedForInAClosedPool) {
  PoolOptions locked = options(1);
  locked.putlocks = true;
  Pool pool(std::move(locked));
  const auto running = pool.apply_async(tasks::hang);
  std::thread submitter([&] { thrown_by<PoolClosedError>([&] { pool.apply_async(tasks::square, 3); }); });
  // Gives it time to wait; it is refused all the same if it comes too late.
  std::this_thread::sleep_for(50ms);
  pool.terminate();
  submitter.join();
  thrown_by<PoolClosedError>([&] { pool.apply_async(tasks::square, 3); });
}

TEST_P(Acknowledgement, PutlocksGrowAndShrinkWithThePool) {
  PoolOptions locked = options(1);
  locked.putlocks = true;
  Pool pool(std::move(locked));
  pool.grow(2);
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> running;
  for (int i = 0; i < 3; ++i) running.push_back(pool.apply_async(tasks::wait_at, gate.path(), i));
  EXPECT_TRUE(gate.reached(3));
  gate.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(running[static_cast<std::size_t>(i)].get(patience), i);
}

class Expected : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST_P(Acknowledgement, WhatACallbackMayThrowIsReportedAndNotLogged) {
  Mailbox<std::string> log;
  Mailbox<int> reported;
  PoolOptions hooked = options(1);
  hooked.on_log = [&](const std::string& message) { log.put(message); };
  Pool pool(std::move(hooked));
  pool.on_callback_error([&](const std::exception_ptr&) { reported.put(1); });
  pool.apply_async(tasks::nothing, std::tuple{},
                   {.callback = [] { throw Expected("yes"); },
                    .callbacks_propagate = propagate<std::bad_alloc, Expected>()});
  reported.first(1);
  EXPECT_TRUE(log.all().empty());
  pool.apply_async(
      tasks::nothing, std::tuple{},
      {.callback = [] { throw std::logic_error("no"); }, .callbacks_propagate = propagate<Expected>()});
  reported.first(2);
  EXPECT_EQ(log.first(1).size(), 1U);
}

TEST_P(Acknowledgement, LostWorkerTimeoutsThatMakeNoSenseAreRefusedByName) {
  PoolOptions wrong = options(1);
  wrong.lost_worker_timeout = 0s;
  const auto by_pool = thrown_by<std::invalid_argument>([&] { Pool never(wrong); });
  EXPECT_NE(std::string(by_pool.what()).find("PoolOptions::lost_worker_timeout"), std::string::npos);
  Pool pool = make_pool(1);
  const auto by_call = thrown_by<std::invalid_argument>(
      [&] { pool.apply_async(tasks::nothing, std::tuple{}, {.lost_worker_timeout = -1s}); });
  EXPECT_NE(std::string(by_call.what()).find("lost_worker_timeout"), std::string::npos);
  EXPECT_EQ(pool.apply_async(tasks::square, std::tuple{3}, {.lost_worker_timeout = 1s}).get(patience), 9);
}

TEST(Semaphore, CountsItsSlots) {
  Semaphore semaphore(2);
  EXPECT_EQ(semaphore.size(), 2U);
  semaphore.acquire();
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.shrink();
  semaphore.release();
  EXPECT_FALSE(semaphore.try_acquire()) << "the slot has vanished";
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire());
  semaphore.grow(2);
  EXPECT_EQ(semaphore.size(), 3U);
  EXPECT_EQ(semaphore.free(), 2U);
  semaphore.shrink(10);
  EXPECT_EQ(semaphore.size(), 1U) << "one stays";
  semaphore.release();
  semaphore.release();
  semaphore.release();
  EXPECT_EQ(semaphore.free(), 1U) << "never more than there are";
}

}  // namespace
}  // namespace procpool::testing
