// SPDX-License-Identifier: MIT
// The Dispatcher when memory runs short at any one of its allocations, and at some in a row.
#include "unit/dispatcher_host.hpp"
#include "unit/memory_shortage.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace procpool::testing {
namespace {

using namespace detail;

/// Some jobs, and most of what may become of them, with a shortage of memory on the way.
class Scenario : public DispatcherTest {
 public:
  void TestBody() override {}

  /// `earlier` jobs are done already: containers grow at different times then.
  Scenario(int earlier, std::uint32_t before, std::uint32_t failing) {
    loop.kills.reserve(100);
    for (const WorkerId id : {1U, 2U}) add_ready_worker(id);
    for (int i = 0; i < earlier; ++i) {
      submit();
      worker(1).run_all();
      worker(2).run_all();
      dispatcher.serve();
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) jobs_[i] = make_job(i % 10 == 9 ? 20 : 1);
    memory_shortage() = {false, before, failing};
  }
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  ~Scenario() override { memory_shortage() = {}; }

  void play() {
    const auto stopped = std::make_exception_ptr(Terminated("stopped", 15));
    for (std::size_t i = 0; i < jobs_.size() / 2; ++i) submit_one(i);
    worker(1).claim();
    worker(2).run_one();
    attempt([&] { dispatcher.serve(); });
    if (submitted_[11]) attempt([&] { dispatcher.cancel(*jobs_[11], stopped); });
    if (submitted_[13]) attempt([&] { dispatcher.discard(*jobs_[13], stopped); });
    if (submitted_[19]) attempt([&] { dispatcher.terminate(*jobs_[19], 15, stopped); });
    for (std::size_t i = jobs_.size() / 2; i < jobs_.size(); ++i) submit_one(i);
    worker(2).claim();
    attempt([&] { dispatcher.terminate_worker(first_pid + 1, 9); });
    EXPECT_TRUE(attempt([&] { die(1); })) << "an end that nobody takes note of";
    attempt([&] { static_cast<void>(dispatcher.retire_least_busy()); });
    attempt([&] { dispatcher.serve(); });
  }
  /// Whether there was a shortage at all, which is over now.
  bool reached() {
    const bool reached = memory_shortage().allocations_before == 0;
    memory_shortage() = {};
    return reached;
  }
  void terminate() {
    const auto ended = std::make_exception_ptr(Terminated("ended", 15));
    EXPECT_TRUE(attempt([&] { dispatcher.terminate(ended, ended); }));
    EXPECT_TRUE(attempt([&] { die(2); }));
  }
  void expect_that_all_settle_once() {
    add_ready_worker(3);
    for (int round = 0; round < 100 && dispatcher.busy(); ++round) {
      worker(2).answer();
      worker(2).run_all();
      worker(3).run_all();
      dispatcher.serve();
    }
    expect_that_all_have_settled();
  }
  void expect_that_all_have_settled() {
    EXPECT_FALSE(dispatcher.busy());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      for (const FakeSubmission::Unit& unit : jobs_[i]->units_of_it) {
        ASSERT_EQ(unit.settled, submitted_[i] ? 1 : 0) << "job " << i;
      }
    }
  }

 private:
  template <class Step>
  bool attempt(Step step) {
    memory_shortage().here = true;
    bool done = false;
    try {
      step();
      done = true;
    } catch (const std::bad_alloc&) {
    }
    memory_shortage().here = false;
    return done;
  }
  void submit_one(std::size_t i) {
    submitted_[i] = attempt([&] { submit(jobs_[i]); });
  }

  std::vector<Job> jobs_{60};
  std::vector<bool> submitted_ = std::vector<bool>(60);
};

/// Wherever memory runs short in the play, and however long: then it is there again, and `look` looks.
template <class Look>
void for_each_shortage(bool terminated, Look look) {
  for (int earlier = 0; earlier < 24; ++earlier) {
    for (const std::uint32_t failing : {1U, 2U, 10U, UINT32_MAX}) {
      std::uint32_t before = 0;
      for (;; ++before) {
        Scenario scenario(earlier, before, failing);
        scenario.play();
        if (terminated) scenario.terminate();
        if (!scenario.reached()) break;
        look(scenario);
        ASSERT_FALSE(::testing::Test::HasFailure())
            << failing << " allocations fail after " << before << ", after " << earlier << " jobs";
      }
      EXPECT_GT(before, 10U) << "allocations";
    }
  }
}

TEST(OutOfMemory, WhatWasSubmittedSettlesOnce) {
  for_each_shortage(false, [](Scenario& scenario) { scenario.expect_that_all_settle_once(); });
}

TEST(OutOfMemory, WithAPoolThatIsTerminatedAllIsSettledWhenItsWorkersAreDead) {
  for_each_shortage(true, [](Scenario& scenario) { scenario.expect_that_all_have_settled(); });
}

}  // namespace
}  // namespace procpool::testing
