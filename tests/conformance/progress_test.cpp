// SPDX-License-Identifier: MIT
// Progress reports on their way from a task to the host.
#include "conformance/mailbox.hpp"
#include "conformance/pool_test.hpp"

#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;
using Report = std::pair<double, std::string>;

class Progress : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Progress);

int report_and_wait(std::string gate) {
  this_task::report_progress(0.25, "a quarter");
  tasks::wait_at(gate, 0);
  this_task::report_progress(1.0);
  return 1;
}
int report_many(int count) {
  for (int i = 0; i < count; ++i)
    this_task::report_progress(static_cast<double>(i) / count, std::to_string(i));
  return count;
}
int report_many_at_length(int count) {
  const std::string note(1000, 'x');
  for (int i = 0; i < count; ++i) this_task::report_progress(i, note);
  return count;
}
int report_for_ever() {
  const std::string note(1000, 'x');
  for (;;) {
    this_task::report_progress(0.5, note);
    in_memory::check_alive();
  }
}
thread_local bool inside_initializer = true;
void initialize_with_reports() {
  for (int i = 0; i < 3; ++i) this_task::report_progress(0.5, "loading");
  inside_initializer = this_task::is_inside_task() || this_task::job_id() != 0;
}
bool was_initializer_a_task() {
  return inside_initializer;
}
int report_and_die() {
  this_task::report_progress(0.5, "last words");
  return tasks::segfault();
}
int report_at_length(std::size_t length) {
  this_task::report_progress(0.5, std::string(length, 'x'));
  return 1;
}
int report_nonsense() {
  this_task::report_progress(-7.0);
  this_task::report_progress(std::numeric_limits<double>::infinity());
  return 1;
}
int report_item(int x) {
  this_task::report_progress(0, std::to_string(x));
  return x;
}

bool pool_is_idle(const Pool& pool) {
  const TimePoint give_up = Clock::now() + patience;
  while (pool.stats().done == 0 && Clock::now() < give_up) std::this_thread::yield();
  return pool.stats().done != 0;
}

TEST_P(Progress, ArrivesWhileTheTaskRuns) {
  Mailbox<Report> told;
  Pool pool = make_pool(1);
  const tasks::Gate gate;
  const auto handle = pool.apply_async(report_and_wait, std::tuple{gate.path()},
                                       {.progress_callback = [&](double fraction, const std::string& note) {
                                         told.put({fraction, note});
                                       }});
  EXPECT_EQ(told.first(1).front(), Report(0.25, "a quarter"));
  EXPECT_FALSE(handle.ready());
  gate.open();
  EXPECT_EQ(handle.get(patience), 1);
  EXPECT_EQ(told.first(2).back(), Report(1.0, ""));
}

TEST_P(Progress, AllReportsArriveInOrderAndBeforeTheResult) {
  Mailbox<std::string> told;
  Pool pool = make_pool(1);
  constexpr int count = 20'000;
  const auto handle =
      pool.apply_async(report_many, std::tuple{count},
                       {.callback = [&](const int&) { told.put("result"); },
                        .progress_callback = [&](double, const std::string& note) { told.put(note); }});
  EXPECT_EQ(handle.get(patience), count);
  const auto notes = told.first(count + 1);
  for (int i = 0; i < count; ++i) ASSERT_EQ(notes[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_EQ(notes.back(), "result");
}

TEST_P(Progress, AFloodIsKeptWithinBounds) {
  Mailbox<bool> result;
  int told = 0;
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(report_many_at_length, std::tuple{20'000},
                                       {.callback = [&](const int&) { result.put(true); },
                                        .progress_callback =
                                            [&](double fraction, const std::string&) {
                                              // The first are kept, and one for each that has been told.
                                              EXPECT_GE(fraction, told);
                                              if (told < 1000) {
                                                EXPECT_EQ(fraction, told);
                                              }
                                              ++told;
                                              // As slow as can be: until the task is done.
                                              EXPECT_TRUE(pool_is_idle(pool));
                                            }});
  EXPECT_EQ(handle.get(patience), 20'000);
  EXPECT_TRUE(result.first(1).front());
  EXPECT_GT(told, 1000);
  EXPECT_LT(told, 5000);
}

TEST_P(Progress, AFloodPutsOffNoHardLimit) {
  Pool pool = make_pool(1);
  const TimePoint begin = Clock::now();
  const auto floods = pool.apply_async(report_for_ever, std::tuple{}, {.timeout = 300ms});
  thrown_by<TimeLimitExceeded>([&] { floods.get(patience); });
  EXPECT_LT(Clock::now() - begin, 9s);  // it would be put off for 10 s
}

TEST_P(Progress, OfAnInitializerGoesNowhere) {
  PoolOptions with = options(1);
  with.initializer = task(initialize_with_reports);
  Pool pool(std::move(with));
  EXPECT_FALSE(pool.apply_async(was_initializer_a_task).get(patience)) << "an initializer is no task";
}

TEST_P(Progress, NobodyHasToListen) {
  Pool pool = make_pool(1);
  EXPECT_EQ(pool.apply(report_many, 5'000), 5'000);
}

TEST_P(Progress, OfATaskThatCrashesIsKept) {
  Mailbox<std::string> told;
  Pool pool = make_pool(1);
  const auto handle =
      pool.apply_async(report_and_die, std::tuple{},
                       {.progress_callback = [&](double, const std::string& note) { told.put(note); }});
  thrown_by<WorkerLostError>([&] { handle.get(patience); });
  EXPECT_EQ(told.first(1).front(), "last words");
}

TEST_P(Progress, ALongNoteIsCut) {
  std::deque<Mailbox<std::string>> mailboxes;
  Pool pool = make_pool(1);
  for (const std::size_t length : {std::size_t{1000}, std::size_t{1001}, std::size_t{5'000'000}}) {
    Mailbox<std::string>& told = mailboxes.emplace_back();
    const auto handle =
        pool.apply_async(report_at_length, std::tuple{length},
                         {.progress_callback = [&](double, const std::string& note) { told.put(note); }});
    EXPECT_EQ(handle.get(patience), 1);
    EXPECT_EQ(told.first(1).front(), std::string(1000, 'x'));
  }
}

TEST_P(Progress, NonsenseHarmsOnlyWhoReadsIt) {
  Mailbox<double> told;
  Pool pool = make_pool(1);
  const auto handle = pool.apply_async(
      report_nonsense, std::tuple{},
      {.progress_callback = [&](double fraction, const std::string&) { told.put(fraction); }});
  EXPECT_EQ(handle.get(patience), 1);
  EXPECT_EQ(told.first(2).size(), 2U);
}

TEST_P(Progress, OfAMapGoesToItsCallback) {
  std::deque<Mailbox<std::string>> mailboxes;
  Pool pool = make_pool(1);
  for (const std::optional<std::size_t> chunksize :
       {std::optional<std::size_t>{}, std::optional<std::size_t>{2}}) {
    Mailbox<std::string>& told = mailboxes.emplace_back();
    const auto handle =
        pool.map_async(report_item, std::vector{1, 2, 3, 4},
                       {.chunksize = chunksize,
                        .progress_callback = [&](double, const std::string& note) { told.put(note); }});
    EXPECT_EQ(handle.get(patience), (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(told.first(4), (std::vector<std::string>{"1", "2", "3", "4"}));
  }
}

TEST_P(Progress, ACallbackThatThrowsDoesNoHarm) {
  Mailbox<int> reported;
  Pool pool = make_pool(1);
  pool.on_callback_error([&](const std::exception_ptr&) { reported.put(1); });
  const auto handle =
      pool.apply_async(report_many, std::tuple{3}, {.progress_callback = [](double, const std::string&) {
                         throw std::runtime_error("from the callback");
                       }});
  EXPECT_EQ(handle.get(patience), 3);
  EXPECT_EQ(reported.first(3).size(), 3U);
}

}  // namespace
}  // namespace procpool::testing
