// SPDX-License-Identifier: MIT
// What becomes of a pool's events: the text of a trace, the memory they take, the errors of the disk.
#include "helpers/json.hpp"
#include "trace/json_text.hpp"
#include "trace/submit_times.hpp"
#include "trace/task_names.hpp"
#include "trace/trace_format.hpp"
#include "trace/trace_recorder.hpp"

#include <procpool/procpool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;
using detail::TraceEvent;
using detail::TraceKind;

constexpr Pid host = 100;
constexpr Pid worker_pid = 2000;

TimePoint at(Duration since_epoch) {
  return TimePoint(since_epoch);
}

TraceEvent job(JobId id, Duration begin, Duration end) {
  TraceEvent event;
  event.kind = TraceKind::job;
  event.worker = 1;
  event.pid = worker_pid;
  event.job = id;
  event.begin = at(begin);
  event.end = at(end);
  event.what = "done";
  return event;
}
TraceEvent happened(TraceKind kind, Duration when, const char* what = "") {
  TraceEvent event;
  event.kind = kind;
  event.worker = 1;
  event.pid = worker_pid;
  event.begin = at(when);
  event.what = what;
  return event;
}

std::vector<Json> events_called(const Json& trace, const std::string& name) {
  std::vector<Json> found;
  for (const Json& event : trace.array()) {
    if (event["name"].text() == name) found.push_back(event);
  }
  return found;
}

std::string in_json(std::string_view text) {
  std::string json;
  detail::append_json(json, text);
  return json;
}

// --- text

TEST(TraceText, ATextComesOutAsItWent) {
  for (const std::string& text :
       {std::string("plain"), std::string("\"quoted\" \\ and/or"), std::string("tab\tline\nend\r"),
        std::string("\x01\x1f\x7f"), std::string("nul\0inside", 10), std::string("gr\xC3\xB6\xC3\x9F"),
        std::string("\xE2\x82\xAC \xF0\x9F\x98\x80"), std::string()}) {
    EXPECT_EQ(Json::parse(in_json(text)).text(), text);
  }
}

TEST(TraceText, BytesThatAreNoTextAreReplacedAndLeaveTheRestAlone) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(Json::parse(in_json("a\xFFz")).text(), "a" + mark + "z");
  EXPECT_EQ(Json::parse(in_json("cut\xE2\x82")).text(), "cut" + mark + mark);
  EXPECT_EQ(Json::parse(in_json("\xC0\xAF")).text(), mark + mark);             // overlong
  EXPECT_EQ(Json::parse(in_json("\xED\xA0\x80")).text(), mark + mark + mark);  // a surrogate
  EXPECT_EQ(Json::parse(in_json("\xC3\"")).text(), mark + "\"");
}

TEST(TraceText, TimesKeepTheirNanoseconds) {
  const auto microseconds = [](std::int64_t nanoseconds) {
    std::string json;
    detail::append_microseconds(json, nanoseconds);
    return json;
  };
  EXPECT_EQ(microseconds(0), "0.000");
  EXPECT_EQ(microseconds(1), "0.001");
  EXPECT_EQ(microseconds(1'234'567), "1234.567");
  EXPECT_EQ(microseconds(-1'050), "-1.050");
  EXPECT_EQ(microseconds(9'007'199'254'740'993), "9007199254740.993");
}

// --- names

int named_by_its_symbol(int x) {
  return x;
}

TEST(TraceNames, ATaskThatIsNamedHasItsName) {
  detail::TaskNames names;
  detail::ByteBuffer prefix;
  detail::encode(prefix, std::tuple(std::string("thumbnail"), std::string("signature")));
  const auto task = names.number(detail::named_task_ref.value, prefix.view());
  EXPECT_EQ(names.name(task), "thumbnail");
  EXPECT_EQ(names.number(detail::named_task_ref.value, prefix.view()), task);
}

TEST(TraceNames, AFunctionHasTheNameOfItsSymbolOrNone) {
  detail::TaskNames names;
  detail::ByteBuffer prefix;
  detail::encode_prefix(prefix, &named_by_its_symbol);
  const auto invoker = detail::invoker_ref<detail::ResultUse::encode, int (*)(int), detail::TypeList<int>>();
  const auto name = names.name(names.number(invoker.value, prefix.view()));
  if (name.empty()) GTEST_SKIP() << "symbols cannot be looked up here";
  EXPECT_TRUE(name.ends_with("named_by_its_symbol")) << name;
}

TEST(TraceNames, NonsenseHasNoName) {
  detail::TaskNames names;
  EXPECT_EQ(names.name(0), "");
  EXPECT_EQ(names.name(1), "");
  EXPECT_EQ(names.name(names.number(detail::TaskRef::at(999, 1).value, {})), "");
  const std::byte garbage[3] = {};
  EXPECT_EQ(names.name(names.number(detail::named_task_ref.value, garbage)), "");
}

TEST(TraceNames, ThereAreOnlySoMany) {
  detail::TaskNames names;
  for (std::uint64_t i = 0; i < 2 * detail::TaskNames::most_tasks; ++i) {
    const auto number = names.number(detail::TaskRef::at(999, i).value, {});
    EXPECT_EQ(number != 0, i < detail::TaskNames::most_tasks) << i;
  }
}

TEST(TraceNames, WhatIsCalledStandsSecondInTheSymbolOfAnInvoker) {
  EXPECT_EQ(
      detail::callable_of("void procpool::detail::invoke_task<(procpool::detail::ResultUse)0, "
                          "long (*)(std::pair<long, int>, int), procpool::detail::TypeList<int> >(int)"),
      "long (*)(std::pair<long, int>, int)");
  EXPECT_EQ(detail::callable_of("void invoke_task<(R)0, main::{lambda(int, int)#1}, TypeList<int, int> >()"),
            "main::{lambda(int, int)#1}");
  EXPECT_EQ(detail::callable_of("main"), "");
  EXPECT_EQ(detail::callable_of("invoke_task<"), "");
  EXPECT_EQ(detail::callable_of("invoke_task<a, b"), "");
}

// --- times of submission

TEST(TraceSubmitTimes, AJobHasTheTimeOfTheSubmissionThatItBelongsTo) {
  detail::SubmitTimes times(8);
  EXPECT_FALSE(times.of(1));
  times.add(1, at(10s));
  times.add(101, at(20s));
  EXPECT_EQ(times.of(1), at(10s));
  EXPECT_EQ(times.of(100), at(10s));
  EXPECT_EQ(times.of(101), at(20s));
  EXPECT_EQ(times.of(5000), at(20s));
}

TEST(TraceSubmitTimes, TheYoungestOfAnyNumberAreExactAndNoneIsTooLate) {
  detail::SubmitTimes times(64);
  const auto time_of = [](JobId id) { return at(Duration(static_cast<Duration::rep>(id))); };
  for (JobId id = 1; id <= 100'000; ++id) {
    times.add(id, time_of(id));
    const JobId young = id > 31 ? id - 31 : 1;
    ASSERT_EQ(times.of(young), time_of(young));
  }
  EXPECT_LE(times.marks(), 64U);
  for (const JobId id : {JobId{1}, JobId{5}, JobId{777}, JobId{50'000}}) {
    EXPECT_LE(*times.of(id), time_of(id));
  }
}

// --- the format

class TraceFormatTest : public ::testing::Test {
 protected:
  detail::TraceFormat format{host, [](detail::TraceTask task) {
                               return task == 1 ? std::string_view("a \"task\"\n") : std::string_view();
                             }};
  std::string json;

  void begin() { format.begin(json); }
  [[nodiscard]] Json whole() const {
    std::string ended = json;
    detail::TraceFormat::end(ended);
    return Json::parse(ended);
  }
};

TEST_F(TraceFormatTest, AJobIsASliceOnItsWorkersTrack) {
  begin();
  TraceEvent event = job(7, 1ms, 3ms);
  event.task = 1;
  event.count = 5;
  event.queued = 250us;
  format.append(json, event);
  const auto slices = events_called(whole(), "a \"task\"\n");
  ASSERT_EQ(slices.size(), 1U);
  const Json& slice = slices[0];
  EXPECT_EQ(slice["ph"].text(), "X");
  EXPECT_EQ(slice["pid"].number(), host);
  EXPECT_EQ(slice["tid"].number(), worker_pid);
  EXPECT_EQ(slice["ts"].number(), 1000);
  EXPECT_EQ(slice["dur"].number(), 2000);
  EXPECT_EQ(slice["args"]["job"].number(), 7);
  EXPECT_EQ(slice["args"]["jobs"].number(), 5);
  EXPECT_EQ(slice["args"]["queued_us"].number(), 250);
  EXPECT_EQ(slice["args"]["outcome"].text(), "done");
}

TEST_F(TraceFormatTest, TracksHaveNames) {
  begin();
  format.append(json, job(1, 1ms, 2ms));
  format.append(json, job(2, 2ms, 3ms));
  const Json trace = whole();
  EXPECT_EQ(events_called(trace, "process_name").size(), 1U);
  const auto names = events_called(trace, "thread_name");
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0]["tid"].number(), host);
  EXPECT_EQ(names[1]["tid"].number(), worker_pid);
  EXPECT_EQ(names[1]["args"]["name"].text(), "worker 1");
  EXPECT_EQ(names[1]["ph"].text(), "M");
}

TEST_F(TraceFormatTest, SlicesOfATrackDoNotCross) {
  begin();
  format.append(json, job(1, 1ms, 4ms));
  format.append(json, job(2, 3ms, 5ms));
  format.append(json, job(3, 2ms, 3ms));
  const auto slices = events_called(whole(), "job");
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[1]["ts"].number(), 4000);
  EXPECT_EQ(slices[1]["dur"].number(), 1000);
  EXPECT_EQ(slices[2]["ts"].number(), 5000);
  EXPECT_EQ(slices[2]["dur"].number(), 0);
}

TEST_F(TraceFormatTest, AStartThatIsToldBeforeThePidComesToItsTrack) {
  begin();
  TraceEvent start = happened(TraceKind::worker_start, 1ms, "ready");
  start.end = at(2ms);
  start.pid = 0;
  format.append(json, start);
  EXPECT_TRUE(events_called(whole(), "start").empty());
  format.append(json, happened(TraceKind::worker_up, 2ms));
  const auto starts = events_called(whole(), "start");
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(starts[0]["tid"].number(), worker_pid);
}

TEST_F(TraceFormatTest, EveryKindOfEventIsValidJsonWithItsReason) {
  begin();
  format.append(json, happened(TraceKind::soft_limit, 1ms));
  format.append(json, happened(TraceKind::worker_kill, 2ms, "hard limit"));
  format.append(json, happened(TraceKind::worker_retire, 3ms, "shrink"));
  TraceEvent end = happened(TraceKind::worker_end, 4ms);
  end.expected = false;
  end.status = ExitStatus::from_signal(9);
  end.text = "why \"so\"";
  format.append(json, end);
  format.append(json, happened(TraceKind::restart, 5ms));
  TraceEvent failed;
  failed.kind = TraceKind::start_failed;
  failed.text = "no processes left";
  format.append(json, failed);
  TraceEvent stopped;
  stopped.kind = TraceKind::job_stopped;
  stopped.job = 4;
  stopped.count = 3;
  stopped.what = "cancelled";
  format.append(json, stopped);
  format.append_dropped(json, 12, at(6ms));

  const Json trace = whole();
  for (const Json& event : trace.array()) {
    if (event["ph"].text() != "i") continue;
    EXPECT_TRUE(event.has("ts"));
    EXPECT_TRUE(event.has("s"));
    EXPECT_EQ(event["pid"].number(), host);
  }
  EXPECT_EQ(events_called(trace, "soft limit").size(), 1U);
  EXPECT_EQ(events_called(trace, "kill").at(0)["args"]["why"].text(), "hard limit");
  EXPECT_EQ(events_called(trace, "retire").at(0)["args"]["why"].text(), "shrink");
  EXPECT_EQ(events_called(trace, "lost").at(0)["args"]["verdict"].text(), "why \"so\"");
  EXPECT_NE(events_called(trace, "lost").at(0)["args"]["status"].text().find("signal 9"), std::string::npos);
  EXPECT_EQ(events_called(trace, "restart").at(0)["tid"].number(), host);
  EXPECT_EQ(events_called(trace, "start failed").at(0)["args"]["verdict"].text(), "no processes left");
  EXPECT_EQ(events_called(trace, "cancelled").at(0)["args"]["jobs"].number(), 3);
  EXPECT_EQ(events_called(trace, "events left out").at(0)["args"]["count"].number(), 12);
}

TEST_F(TraceFormatTest, TheTextSoFarLacksOnlyItsBracket) {
  begin();
  EXPECT_NO_THROW(static_cast<void>(Json::parse(json + "]")));
  for (JobId id = 1; id < 5; ++id) {
    format.append(json, job(id, 1ms, 2ms));
    EXPECT_NO_THROW(static_cast<void>(Json::parse(json + "]")));
  }
}

// --- the recorder

/// Keeps what is written, and fails on order.
class FakeOutput final : public detail::TraceOutput {
 public:
  struct State {
    std::string text;
    int appends = 0;
    bool full = false;
    bool closed = false;
  };

  explicit FakeOutput(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~FakeOutput() override { state_->closed = true; }
  FakeOutput(const FakeOutput&) = delete;
  FakeOutput& operator=(const FakeOutput&) = delete;

  [[nodiscard]] std::error_code append(std::string_view text) noexcept override {
    ++state_->appends;
    if (state_->full) return std::make_error_code(std::errc::no_space_on_device);
    state_->text += text;
    return {};
  }

 private:
  std::shared_ptr<State> state_;
};

class TraceRecorderTest : public ::testing::Test {
 protected:
  TraceRecorderTest() {
    detail::TraceRecorder::Settings settings;
    settings.host = host;
    settings.most_events = 100;
    settings.most_marks = 64;
    settings.later = [this](std::function<void()> call) { calls.push_back(std::move(call)); };
    settings.waits = [this] { ++times_waiting; };
    settings.failed = [this](const std::string& why) { failures.push_back(why); };
    recorder = std::make_shared<detail::TraceRecorder>(std::move(settings));
    recorder->write_to(std::make_unique<FakeOutput>(file));
  }

  /// Makes the calls that it asked for.
  void run_calls() {
    for (const auto& call : std::exchange(calls, {})) call();
  }
  [[nodiscard]] std::size_t jobs_written() const {
    return events_called(Json::parse(file->text), "job").size();
  }

  std::shared_ptr<FakeOutput::State> file = std::make_shared<FakeOutput::State>();
  std::vector<std::function<void()>> calls;
  std::vector<std::string> failures;
  int times_waiting = 0;
  std::shared_ptr<detail::TraceRecorder> recorder;
};

TEST_F(TraceRecorderTest, NothingIsWrittenWhereEventsComeIn) {
  for (JobId id = 1; id <= 1000; ++id) recorder->add(job(id, 1ms, 2ms));
  recorder->add(happened(TraceKind::worker_kill, 3ms));
  recorder->finish();
  EXPECT_EQ(file->appends, 0);
  EXPECT_EQ(calls.size(), 1U);  // one at a time
  run_calls();
  EXPECT_GE(file->appends, 1);
}

TEST_F(TraceRecorderTest, WhatDoesNotFitIsCountedAndLeftOutButDeathsAreTold) {
  for (JobId id = 1; id <= 150; ++id) recorder->add(job(id, 1ms, 2ms));
  recorder->add(happened(TraceKind::worker_end, 3ms));
  recorder->finish();
  run_calls();
  EXPECT_EQ(jobs_written(), 100U);
  const Json trace = Json::parse(file->text);
  EXPECT_EQ(events_called(trace, "events left out").at(0)["args"]["count"].number(), 50);
  EXPECT_EQ(events_called(trace, "ended").size(), 1U);
}

TEST_F(TraceRecorderTest, ThereIsRoomAgainOnceItHasWritten) {
  for (int round = 0; round < 10; ++round) {
    for (JobId id = 1; id <= 60; ++id) recorder->add(job(id, 1ms, 2ms));
    EXPECT_EQ(calls.size(), 1U);  // it was half full
    run_calls();
  }
  recorder->finish();
  run_calls();
  EXPECT_EQ(jobs_written(), 600U);
  EXPECT_TRUE(events_called(Json::parse(file->text), "events left out").empty());
}

TEST_F(TraceRecorderTest, AFewEventsAreWrittenWhenTheyHaveWaited) {
  recorder->add(happened(TraceKind::worker_up, 1ms));
  run_calls();
  EXPECT_EQ(times_waiting, 0);
  recorder->add(job(1, 1ms, 2ms));
  recorder->add(job(2, 2ms, 3ms));
  EXPECT_EQ(times_waiting, 1);
  EXPECT_TRUE(calls.empty());
  const auto due = recorder->tick(Clock::now() - 1h);
  ASSERT_TRUE(due);
  EXPECT_TRUE(calls.empty());
  EXPECT_FALSE(recorder->tick(*due));
  run_calls();
  EXPECT_NE(file->text.find("\"job\":1"), std::string::npos);
  EXPECT_NO_THROW(static_cast<void>(Json::parse(file->text + "]")));
  EXPECT_FALSE(recorder->tick(Clock::now() + 2h));
  EXPECT_TRUE(calls.empty());
}

TEST_F(TraceRecorderTest, TheWaitInTheQueueIsFromTheSubmissionToTheBegin) {
  recorder->submitted(1, at(1ms));
  recorder->submitted(5, at(4ms));
  recorder->add(job(3, 3ms, 4ms));
  recorder->add(job(5, 5ms, 6ms));
  recorder->finish();
  run_calls();
  const auto jobs = events_called(Json::parse(file->text), "job");
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0]["args"]["queued_us"].number(), 2000);
  EXPECT_EQ(jobs[1]["args"]["queued_us"].number(), 1000);
}

TEST_F(TraceRecorderTest, AnErrorIsToldOnceAndEndsTheTrace) {
  file->full = true;
  recorder->add(happened(TraceKind::worker_up, 1ms));
  run_calls();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find(std::make_error_code(std::errc::no_space_on_device).message()),
            std::string::npos);
  EXPECT_TRUE(file->closed);
  const int appends = file->appends;
  recorder->add(happened(TraceKind::worker_up, 2ms));
  recorder->tick(Clock::now() + 1h);
  recorder->finish();
  run_calls();
  EXPECT_EQ(file->appends, appends);
  EXPECT_EQ(failures.size(), 1U);
}

TEST_F(TraceRecorderTest, AfterTheEndTheFileIsClosedAndStaysAsItIs) {
  recorder->add(job(1, 1ms, 2ms));
  recorder->finish();
  recorder->add(job(2, 2ms, 3ms));
  run_calls();
  EXPECT_EQ(jobs_written(), 1U);
  EXPECT_TRUE(file->closed);
  recorder->add(job(3, 3ms, 4ms));
  recorder->finish();
  run_calls();
  EXPECT_EQ(jobs_written(), 1U);
}

TEST_F(TraceRecorderTest, ManyThreadsMayTellWhileItWrites) {
  std::mutex mutex;
  std::vector<std::function<void()>> asked;
  detail::TraceRecorder::Settings settings;
  settings.host = host;
  settings.most_events = 1000;
  settings.later = [&](std::function<void()> call) {
    const std::lock_guard guard(mutex);
    asked.push_back(std::move(call));
  };
  settings.waits = [] {};
  const auto shared = std::make_shared<detail::TraceRecorder>(std::move(settings));
  shared->write_to(std::make_unique<FakeOutput>(file));
  const auto write = [&] {
    std::unique_lock lock(mutex);
    const auto due = std::exchange(asked, {});
    lock.unlock();
    for (const auto& call : due) call();
  };
  constexpr int threads = 4;
  constexpr JobId each = 3000;
  std::vector<std::thread> tellers;
  for (int i = 0; i < threads; ++i) {
    tellers.emplace_back([&shared, i] {
      for (JobId id = 1; id <= each; ++id) {
        shared->submitted(id, at(1ms));
        TraceEvent event = job(id, 1ms, 2ms);
        event.worker = static_cast<WorkerId>(i) + 1;
        shared->add(std::move(event));
        shared->tick(Clock::now());
      }
    });
  }
  for (int i = 0; i < 100; ++i) write();
  for (std::thread& teller : tellers) teller.join();
  shared->finish();
  write();
  const Json trace = Json::parse(file->text);
  double told = static_cast<double>(events_called(trace, "job").size());
  for (const Json& left_out : events_called(trace, "events left out")) {
    told += left_out["args"]["count"].number();
  }
  EXPECT_EQ(told, threads * static_cast<double>(each));
}

}  // namespace
}  // namespace procpool::testing
