// SPDX-License-Identifier: MIT
// The timeline that a pool writes of itself.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"
#include "helpers/json.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

std::string content(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

class Trace : public PoolTest {
 protected:
  PoolOptions traced(std::size_t processes = 2) {
    PoolOptions made = options(processes);
    made.trace = file_;
    return made;
  }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] Json trace() const { return Json::parse(content(file_)); }

  /// The events with this name, or all in this category.
  static std::vector<Json> called(const Json& trace, const std::string& name) {
    std::vector<Json> found;
    for (const Json& event : trace.array()) {
      if (event["name"].text() == name) found.push_back(event);
    }
    return found;
  }
  static std::vector<Json> jobs(const Json& trace) {
    std::vector<Json> found;
    for (const Json& event : trace.array()) {
      if (event["ph"].text() == "X" && event["cat"].text() == "job") found.push_back(event);
    }
    return found;
  }
  static Json job(const Json& trace, JobId id) {
    for (const Json& event : jobs(trace)) {
      if (event["args"]["job"].number() == static_cast<double>(id)) return event;
    }
    throw std::logic_error("the trace has no such job");
  }
  static Pid track(const Json& event) { return static_cast<Pid>(event["tid"].number()); }
  static std::string why(const Json& event) { return event["args"]["why"].text(); }

 private:
  const tasks::Gate folder_;
  const std::string file_ = folder_.path() + "/pool.trace.json";
};
PROCPOOL_ON_ALL_BACKENDS(Trace);

/// No slice of a track begins before the one before it, by its begin, has ended.
void expect_no_crossing(const Json& trace) {
  std::map<double, std::vector<std::pair<double, double>>> tracks;
  for (const Json& event : trace.array()) {
    if (event["ph"].text() != "X") continue;
    const double begin = event["ts"].number();
    EXPECT_GE(event["dur"].number(), 0);
    tracks[event["tid"].number()].emplace_back(begin, begin + event["dur"].number());
  }
  constexpr double rounding = 0.01;  // of numbers that are read as doubles, in microseconds
  for (auto& [tid, slices] : tracks) {
    std::sort(slices.begin(), slices.end());
    for (std::size_t i = 1; i < slices.size(); ++i)
      EXPECT_GE(slices[i].first, slices[i - 1].second - rounding);
  }
}

TEST_P(Trace, JobsKillsAndLossesAreOnTheTracksOfTheirWorkers) {
  Mailbox<Pid> up;
  std::vector<ApplyResult<int>> sums;
  std::optional<ApplyResult<int>> stuck;
  std::optional<ApplyResult<int>> lost;
  std::optional<ApplyResult<int>> thrown;
  {
    PoolOptions hooked = traced(2);
    hooked.on_process_up = [&](WorkerInfo worker) { up.put(worker.pid); };
    Pool pool(std::move(hooked));
    for (int i = 0; i < 5; ++i) sums.push_back(pool.apply_async(tasks::add, i, i));
    stuck = pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 30ms});
    lost = pool.apply_async(tasks::exit_with, 7);
    thrown = pool.apply_async(tasks::throw_invalid_argument, std::string("no"));
    for (const auto& sum : sums) sum.get(patience);
    thrown_by<TimeLimitExceeded>([&] { stuck->get(patience); });
    thrown_by<WorkerLostError>([&] { lost->get(patience); });
    thrown_by<std::invalid_argument>([&] { thrown->get(patience); });
    ASSERT_TRUE(is_whole(pool, 2));
  }
  const Json all = trace();
  for (const auto& sum : sums) {
    const Json event = job(all, sum.job_id());
    EXPECT_EQ(track(event), sum.worker_pids().at(0));
    EXPECT_EQ(event["args"]["outcome"].text(), "done");
    EXPECT_GE(event["args"]["queued_us"].number(), 0);
  }
  EXPECT_EQ(job(all, thrown->job_id())["args"]["outcome"].text(), "exception");

  const Pid killed = stuck->worker_pids().at(0);
  EXPECT_EQ(track(job(all, stuck->job_id())), killed);
  EXPECT_EQ(job(all, stuck->job_id())["args"]["outcome"].text(), "killed");
  EXPECT_GE(job(all, stuck->job_id())["dur"].number(), 30'000);
  std::vector<Json> by_limit = called(all, "kill");
  std::erase_if(by_limit, [](const Json& event) { return why(event) != "hard limit"; });
  ASSERT_EQ(by_limit.size(), 1U);
  EXPECT_EQ(track(by_limit[0]), killed);
  EXPECT_EQ(by_limit[0]["args"]["job"].number(), static_cast<double>(stuck->job_id()));

  const Pid died = lost->worker_pids().at(0);
  const auto losses = called(all, "lost");
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(track(losses[0]), died);
  EXPECT_EQ(losses[0]["args"]["status"].text(), "exit code 7");
  EXPECT_NE(losses[0]["args"]["verdict"].text().find(std::to_string(died)), std::string::npos);
  EXPECT_EQ(job(all, lost->job_id())["args"]["outcome"].text(), "lost");
  EXPECT_EQ(called(all, "restart").size(), 2U);

  std::multiset<Pid> told;
  for (const Json& event : called(all, "up")) told.insert(track(event));
  const auto pids = up.all();
  EXPECT_EQ(told, std::multiset<Pid>(pids.begin(), pids.end()));
  EXPECT_EQ(called(all, "ended").size() + losses.size(), pids.size());
  expect_no_crossing(all);
}

TEST_P(Trace, ItemsOfAMapAreCountedWhateverTheyTravelIn) {
  JobId first = 0;
  {
    Pool pool(traced(2));
    const auto squares = pool.map_async(tasks::square, std::vector<int>(2000, 3));
    first = squares.job_id();
    squares.wait();
    pool.map(tasks::square, std::vector<int>(100, 3), 10);
  }
  const Json all = trace();
  double items = 0;
  double chunks = 0;
  for (const Json& event : jobs(all)) {
    const double count = event["args"].has("jobs") ? event["args"]["jobs"].number() : 1;
    (event["args"]["job"].number() < static_cast<double>(first) + 2000 ? items : chunks) += count;
  }
  EXPECT_EQ(items, 2000);
  EXPECT_EQ(chunks, 10);
  expect_no_crossing(all);
}

TEST_P(Trace, TheWaitInTheQueueIsTold) {
  std::optional<ApplyResult<int>> second;
  {
    Pool pool(traced(1));
    const tasks::Gate gate;
    const auto first = pool.apply_async(tasks::wait_at, gate.path(), 1);
    ASSERT_TRUE(gate.reached());
    second = pool.apply_async(tasks::add, 1, 2);
    std::this_thread::sleep_for(50ms);
    gate.open();
    second->get(patience);
  }
  EXPECT_GE(job(trace(), second->job_id())["args"]["queued_us"].number(), 50'000);
}

TEST_P(Trace, SoftLimitsAreTold) {
  std::optional<ApplyResult<int>> stuck;
  {
    Pool pool(traced(1));
    stuck = pool.apply_async(tasks::hang, std::tuple{}, {.soft_timeout = 20ms, .timeout = 200ms});
    thrown_by<TimeLimitExceeded>([&] { stuck->get(patience); });
  }
  const Json all = trace();
  const auto soft = called(all, "soft limit");
  ASSERT_EQ(soft.size(), 1U);
  EXPECT_EQ(track(soft[0]), stuck->worker_pids().at(0));
  EXPECT_EQ(soft[0]["args"]["job"].number(), static_cast<double>(stuck->job_id()));
  EXPECT_GE(soft[0]["ts"].number(), job(all, stuck->job_id())["ts"].number());
}

TEST_P(Trace, JobsThatAreStoppedByHandAreTold) {
  std::optional<ApplyResult<int>> running;
  std::optional<ApplyResult<int>> waiting;
  {
    Pool pool(traced(1));
    const tasks::Gate gate;
    running = pool.apply_async(tasks::wait_at, gate.path(), 1);
    ASSERT_TRUE(gate.reached());
    waiting = pool.apply_async(tasks::add, 1, 2);
    ASSERT_TRUE(waiting->cancel());
    running->terminate();
    thrown_by<Terminated>([&] { running->get(patience); });
  }
  const Json all = trace();
  const auto cancelled = called(all, "cancelled");
  ASSERT_EQ(cancelled.size(), 1U);
  EXPECT_EQ(cancelled[0]["args"]["job"].number(), static_cast<double>(waiting->job_id()));
  EXPECT_EQ(job(all, running->job_id())["args"]["outcome"].text(), "killed");
  const auto kills = called(all, "kill");
  ASSERT_FALSE(kills.empty());
  EXPECT_EQ(why(kills[0]), "job terminated");
  EXPECT_EQ(track(kills[0]), running->worker_pids().at(0));
}

TEST_P(Trace, RecycledWorkersAreToldWithTheirReplacements) {
  {
    PoolOptions recycling = traced(1);
    recycling.max_tasks_per_child = 1;
    Pool pool(std::move(recycling));
    for (int i = 0; i < 3; ++i) pool.apply(tasks::add, 1, 2);
    ASSERT_TRUE(becomes_true([&] { return pool.stats().restarts == 3; }));
  }
  const Json all = trace();
  std::map<std::string, int> reasons;
  for (const Json& event : called(all, "retire")) ++reasons[why(event)];
  EXPECT_EQ(reasons["that was its last job"], 3);
  EXPECT_GE(called(all, "restart").size(), 3U);
  EXPECT_TRUE(called(all, "lost").empty());
}

TEST_P(Trace, RetirementsByHandAreToldWithTheirReasons) {
  {
    PoolOptions changing = traced(2);
    changing.allow_restart = true;
    Pool pool(std::move(changing));
    ASSERT_TRUE(is_whole(pool, 2));
    pool.restart();
    ASSERT_TRUE(is_whole(pool, 2));
    pool.shrink(1);
    ASSERT_TRUE(becomes_true([&] { return pool.stats().workers.size() == 1; }));
    pool.close();
    pool.join();
  }
  const Json all = trace();
  std::map<std::string, int> reasons;
  for (const Json& event : called(all, "retire")) ++reasons[why(event)];
  EXPECT_EQ(reasons, (std::map<std::string, int>{{"restart", 2}, {"shrink", 1}, {"close", 1}}));
  EXPECT_EQ(called(all, "restart").size(), 2U);
}

TEST_P(Trace, TheFileIsWholeWhenThePoolIsJoined) {
  Pool pool(traced(1));
  pool.apply(tasks::add, 1, 2);
  pool.close();
  pool.join();
  EXPECT_EQ(jobs(trace()).size(), 1U);
}

TEST_P(Trace, WhatIsInTheFileOfARunningPoolLacksOnlyItsEnd) {
  Pool pool(traced(1));
  pool.apply(tasks::add, 1, 2);
  EXPECT_TRUE(becomes_true([&] {
    const std::string text = content(file());
    return !text.empty() && jobs(Json::parse(text + "]")).size() == 1;
  }));
}

TEST_P(Trace, APoolWithoutThreadsWritesItToo) {
  PoolOptions driven = traced(1);
  driven.threads = false;
  Pool pool(std::move(driven));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  pool.close();
  pool.join();
  EXPECT_EQ(jobs(trace()).size(), 1U);
}

TEST_P(Trace, AFileThatIsThereIsReplaced) {
  std::ofstream(file()) << std::string(100'000, 'x');
  { Pool pool(traced(1)); }
  EXPECT_FALSE(called(trace(), "up").empty());
}

TEST_P(Trace, APathThatCannotBeWrittenIsAnErrorThatNamesTheOption) {
  PoolOptions nowhere = options(1);
  nowhere.trace = file() + "/no/such/folder";
  const std::string path = nowhere.trace;
  const auto error = thrown_by<std::invalid_argument>([&] { Pool pool(std::move(nowhere)); });
  EXPECT_NE(std::string(error.what()).find("PoolOptions::trace"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
}

TEST_P(Trace, OptionsThatAreRefusedLeaveTheFileAsItIs) {
  std::ofstream(file()) << "mine";
  PoolOptions wrong = traced(1);
  wrong.max_queued_jobs = 0;
  thrown_by<std::invalid_argument>([&] { Pool pool(std::move(wrong)); });
  EXPECT_EQ(content(file()), "mine");
}

TEST_P(Trace, ThereIsNoneUnlessItIsAskedFor) {
  EXPECT_TRUE(PoolOptions().trace.empty());
  const auto before = std::filesystem::directory_iterator(std::filesystem::path(file()).parent_path());
  ASSERT_EQ(std::distance(begin(before), end(before)), 0);
  {
    Pool pool = make_pool(1);
    pool.apply(tasks::add, 1, 2);
  }
  EXPECT_FALSE(std::filesystem::exists(file()));
}

}  // namespace
}  // namespace procpool::testing
