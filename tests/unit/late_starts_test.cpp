// SPDX-License-Identifier: MIT
// A pool whose workers hang before they begin, by the clock, which the test sets.
#include "supervision/supervisor.hpp"
#include "unit/dispatcher_host.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class LateStarts : public DispatcherTest, private ProcessBackend, private detail::Supervisor::Owner {
 protected:
  LateStarts() : DispatcherTest([] { return now; }) { now = TimePoint(1h); }

  /// Of a pool of two workers.
  static detail::Supervisor::Settings settings() {
    detail::Supervisor::Settings made;
    made.processes = 2;
    made.max_restarts = 200;
    made.max_restart_freq = 1s;
    return made;
  }
  /// The processes of those that were started exist now.
  void bring_up() {
    for (const WorkerId id : std::exchange(starting, {})) {
      supervisor.started(id, first_pid + static_cast<Pid>(id));
    }
  }
  void bury_killed() {
    for (const WorkerId id : std::exchange(loop.kills, {})) {
      supervisor.exited(id, ExitStatus::from_signal(9));
    }
  }
  void let_pass(Duration time) {
    now += time;
    dispatcher.serve();
  }

  static inline TimePoint now;
  std::vector<WorkerId> starting;
  std::exception_ptr failure;
  std::string logged;  ///< last
  detail::Supervisor supervisor{settings(), *this, dispatcher, *this};

 private:
  [[nodiscard]] std::string_view name() const noexcept override { return "fake"; }
  void open(const WorkerSetup&, EventLoop&, ProcessEvents&) override {}
  [[nodiscard]] std::unique_ptr<WorkerProcess> start(WorkerId id, std::size_t) override {
    starting.push_back(id);
    workers[id] = std::make_unique<SteppedWorker>();
    return workers[id]->make_process();
  }
  [[nodiscard]] HostBell& bell() noexcept override { return bell_; }
  [[nodiscard]] bool enforces_memory_limit() const noexcept override { return false; }
  void close() noexcept override {}

  void log(std::string message) override { logged = std::move(message); }
  void worker_up(WorkerInfo) override {}
  void worker_down(WorkerInfo, ExitStatus) override {}
  void failed(const std::exception_ptr& error) override { failure = error; }
  void serve() override {}
  void start_waits() override {}
  void all_gone() override {}

  TestBellAsHostBell bell_;
};

TEST_F(LateStarts, OneThatHangsIsReplaced) {
  supervisor.start();
  bring_up();
  supervisor.settle_in();
  worker(1).run_one();
  let_pass(2min);
  EXPECT_EQ(loop.kills, std::vector<WorkerId>{2});
  bury_killed();
  EXPECT_EQ(starting, std::vector<WorkerId>{3});
  EXPECT_NE(logged.find("procpool::init()"), std::string::npos) << logged;
  bring_up();
  worker(3).run_one();
  let_pass(1h);
  EXPECT_EQ(loop.kills, std::vector<WorkerId>());
  EXPECT_EQ(failure, nullptr);
}

TEST_F(LateStarts, IfNoneEverBeginsThePoolFailsWithTheReason) {
  supervisor.start();
  supervisor.settle_in();
  for (int round = 0; round < 100 && !failure; ++round) {
    bring_up();
    let_pass(2min);
    bury_killed();
  }
  try {
    if (failure) std::rethrow_exception(failure);
    FAIL() << "it goes on for ever";
  } catch (const SpawnError& error) {
    EXPECT_NE(std::string(error.what()).find("procpool::init()"), std::string::npos) << error.what();
  }
  EXPECT_LT(workers.size(), 20U);
}

}  // namespace
}  // namespace procpool::testing
