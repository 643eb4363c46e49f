// SPDX-License-Identifier: MIT
// What the tests of the Pool rely on: that the fake backends keep the contract of ProcessBackend.
#include "helpers/in_memory_backend.hpp"

#include "helpers/faulty_backend.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

// A loop that is served by whoever waits for something.
class ManualLoop final : public EventLoop {
 public:
  std::unique_ptr<Watch> watch(NativeHandle, std::function<void()>) override { return nullptr; }
  void post(std::function<void()> action) override {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
    posted_.notify_all();
  }
  void* native() noexcept override { return nullptr; }

  template <class Condition>
  [[nodiscard]] bool serve_until(Condition condition) {
    const auto give_up = Clock::now() + 20s;
    while (!condition()) {
      std::function<void()> action;
      {
        std::unique_lock lock(mutex_);
        if (!posted_.wait_until(lock, give_up, [this] { return !actions_.empty(); })) return false;
        action = std::move(actions_.front());
        actions_.pop_front();
      }
      action();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> actions_;
};

class Recorder final : public ProcessEvents {
 public:
  void started(WorkerId worker, Pid) override { lines.push_back("started " + std::to_string(worker)); }
  void start_failed(WorkerId worker, std::error_code, std::string_view) override {
    lines.push_back("start_failed " + std::to_string(worker));
  }
  void rang(WorkerId worker) override { lines.push_back("rang " + std::to_string(worker)); }
  void exited(WorkerId worker, ExitStatus status) override {
    lines.push_back("exited " + std::to_string(worker) + " " + status.to_string());
  }
  [[nodiscard]] auto has(std::size_t count) const {
    return [this, count] { return lines.size() >= count; };
  }

  std::vector<std::string> lines;
};

using Lines = std::vector<std::string>;

// Answers each ring with a ring, until the host is gone.
int echo_rings(WorkerLink& link) {
  while (link.wait(std::nullopt) == WorkerLink::Wake::rung) link.ring(WorkerLink::Bell::loop);
  return 0;
}

struct Fixture : ::testing::Test {
  ManualLoop loop;
  Recorder events;
};

using InMemory = Fixture;
using Faulty = Fixture;

TEST_F(InMemory, RingsTravelBothWaysAndKillIsReportedOnce) {
  InMemoryBackend backend(echo_rings);
  backend.open({}, loop, events);
  const auto worker = backend.start(1, 4096);
  worker->ring();
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  worker->kill();
  worker->kill();
  ASSERT_TRUE(loop.serve_until(events.has(3)));
  EXPECT_EQ(events.lines,
            (Lines{"started 1", "rang 1", "exited 1 " + ExitStatus::from_signal(9).to_string()}));
  EXPECT_TRUE(backend.alive().empty());
  EXPECT_FALSE(worker->footprint().has_value());
  backend.close();
}

TEST_F(InMemory, MemoryIsSharedZeroedAndAligned) {
  InMemoryBackend backend([](WorkerLink& link) {
    link.memory()[4095] = std::byte{7};
    return 5;
  });
  backend.open({}, loop, events);
  const auto worker = backend.start(1, 8192);
  ASSERT_EQ(worker->memory().size(), 8192U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(worker->memory().data()) % 4096, 0U);
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  EXPECT_EQ(events.lines.back(), "exited 1 exit code 5");
  EXPECT_EQ(worker->memory()[4095], std::byte{7});
  EXPECT_EQ(worker->memory()[0], std::byte{0});
  backend.close();
}

TEST_F(InMemory, AWorkerThatDiesInATaskIsParkedUntilClose) {
  std::atomic<bool> went_on = false;
  InMemoryBackend backend([&](WorkerLink& link) {
    try {
      in_memory::die(ExitStatus::from_signal(11));
    } catch (...) {  // as run_worker does around a task
      link.ring(WorkerLink::Bell::loop);
      went_on = true;
    }
    return 0;
  });
  backend.open({}, loop, events);
  const auto worker = backend.start(1, 4096);
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  EXPECT_EQ(events.lines, (Lines{"started 1", "exited 1 " + ExitStatus::from_signal(11).to_string()}));
  EXPECT_FALSE(went_on);
  backend.close();
  EXPECT_TRUE(went_on);
}

TEST_F(InMemory, AHangingTaskEndsByKillAndAlsoByClose) {
  InMemoryBackend backend([](WorkerLink&) {
    try {
      in_memory::hang();
    } catch (...) {
      return 0;
    }
  });
  backend.open({}, loop, events);
  const auto killed = backend.start(1, 4096);
  const auto left = backend.start(2, 4096);
  killed->kill();
  ASSERT_TRUE(loop.serve_until(events.has(3)));
  EXPECT_EQ(events.lines.back(), "exited 1 " + ExitStatus::from_signal(9).to_string());
  backend.close();
  EXPECT_EQ(events.lines.size(), 3U);
}

TEST_F(InMemory, ScriptedStartsFailOrExitEarlyAndThenWorkAgain) {
  InMemoryBackend backend(echo_rings);
  backend.open({}, loop, events);
  backend.fail_next_starts(1);
  backend.exit_next_before_hello(1, ExitStatus::from_code(9));
  const auto failed = backend.start(1, 4096);
  const auto early = backend.start(2, 4096);
  const auto good = backend.start(3, 4096);
  ASSERT_TRUE(loop.serve_until(events.has(4)));
  EXPECT_EQ(events.lines[0], "start_failed 1");
  EXPECT_EQ(events.lines[1], "started 2");
  EXPECT_EQ(std::count(events.lines.begin(), events.lines.end(), "exited 2 exit code 9"), 1);
  EXPECT_EQ(backend.alive(), std::vector<WorkerId>{3});
  backend.close();
}

TEST_F(InMemory, NothingIsToldAfterCloseAndItOpensAgain) {
  InMemoryBackend backend(echo_rings);
  backend.open({}, loop, events);
  auto worker = backend.start(1, 4096);
  worker->ring();
  backend.close();
  worker.reset();
  backend.open({}, loop, events);
  worker = backend.start(2, 4096);
  worker->ring();
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  EXPECT_EQ(events.lines, (Lines{"started 2", "rang 2"}));
  backend.close();
}

TEST_F(InMemory, TheLeadersBellKeepsARing) {
  InMemoryBackend backend([](WorkerLink& link) {
    link.ring(WorkerLink::Bell::leader);
    return 0;
  });
  backend.open({}, loop, events);
  const auto worker = backend.start(1, 4096);
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  EXPECT_TRUE(backend.bell().wait(10s));
  EXPECT_FALSE(backend.bell().wait(1ms));
  backend.close();
}

TEST_F(Faulty, StartsThrowOrFailAsOrderedAndThenPass) {
  FaultyBackend backend(std::make_shared<InMemoryBackend>(echo_rings));
  backend.throw_from_open(1, std::errc::not_enough_memory);
  EXPECT_THROW(backend.open({}, loop, events), SpawnError);
  backend.open({}, loop, events);
  backend.throw_from_start(1);
  EXPECT_THROW(static_cast<void>(backend.start(1, 4096)), SpawnError);
  backend.fail_starts(1);
  const auto failed = backend.start(2, 4096);
  const auto good = backend.start(3, 4096);
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  EXPECT_EQ(events.lines, (Lines{"start_failed 2", "started 3"}));
  EXPECT_EQ(failed->memory().size(), 4096U);
  backend.close();
}

TEST_F(Faulty, RingsAreLostAndRepeatedAsOrdered) {
  FaultyBackend backend(std::make_shared<InMemoryBackend>(echo_rings));
  backend.open({}, loop, events);
  backend.lose_rings_to_workers(1);
  backend.repeat_rings(true);
  const auto worker = backend.start(1, 4096);
  worker->ring();  // lost
  worker->ring();
  ASSERT_TRUE(loop.serve_until(events.has(3)));
  EXPECT_EQ(events.lines, (Lines{"started 1", "rang 1", "rang 1"}));
  backend.close();
}

TEST_F(Faulty, ExitsAreHeldBackUntilReleased) {
  FaultyBackend backend(std::make_shared<InMemoryBackend>(echo_rings));
  backend.open({}, loop, events);
  backend.hold_exits();
  const auto worker = backend.start(1, 4096);
  worker->kill();
  ASSERT_TRUE(loop.serve_until([&] { return backend.held_exits() == 1; }));
  EXPECT_EQ(events.lines, Lines{"started 1"});
  backend.release_exits();
  ASSERT_TRUE(loop.serve_until(events.has(2)));
  backend.close();
}

}  // namespace
}  // namespace procpool::testing
