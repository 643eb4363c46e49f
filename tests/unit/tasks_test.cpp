// SPDX-License-Identifier: MIT
// What can be a task, and what arrives in the worker and in the caller.
#include "helpers/task_runner.hpp"

#include <procpool/errors.hpp>
#include <procpool/task.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tasks {

int square(int x) {
  return x * x;
}
double half(double x) noexcept {
  return x / 2;
}
std::size_t length(const char* text) {
  return std::string_view(text).size();
}
std::string_view tail(std::string_view text) {
  return text.substr(1);
}
const char* greeting() {
  return "hello";
}
int sum(std::span<const int> values) {
  return std::accumulate(values.begin(), values.end(), 0);
}
std::unique_ptr<int> increment(std::unique_ptr<int> number) {
  ++*number;
  return number;
}
const std::string& longest(const std::string& a, const std::string& b) {
  return a.size() < b.size() ? b : a;
}
void fail(int code) {
  throw std::out_of_range("code " + std::to_string(code));
}
template <class T>
T twice(T value) {
  return value + value;
}

inline int last_effect = 0;
void effect(int value) {
  last_effect = value;
}
bool accepts(bool value) {
  return value;
}

struct NotSerializable {
  int value;
};
NotSerializable make_opaque(int value) {
  last_effect = value;
  return {value};
}

struct Scale {
  double factor = 1;
  double operator()(double x) const { return x * factor; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor);
  }
};

struct Overloaded {
  int operator()(int x) const { return x + 1; }
  std::string operator()(const std::string& x) const { return x + "+1"; }
};

struct WithDefault {
  int operator()(int a, int b = 10) const { return a + b; }
};

struct MutableCounter {
  int operator()(int by) { return count += by; }
  int count = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count);
  }
};

PROCPOOL_TASK("tasks.square", square);
PROCPOOL_TASK("tasks.length", length);
PROCPOOL_TASK("tasks.twice", &twice<std::string>);
PROCPOOL_TASK("tasks.effect", effect);
PROCPOOL_TASK("tasks.lambda", [](const std::string& text, int n) { return text + std::to_string(n); });
PROCPOOL_TASK("tasks.twofold", square);
PROCPOOL_TASK("tasks.twofold", [](int x) { return x; });

}  // namespace tasks

namespace {

using procpool::named;
using procpool::TaskNotFoundError;
using procpool::detail::ByteBuffer;
using procpool::detail::TaskResult;
using procpool::test::run;
using procpool::test::run_encoded;

/// The text of the TaskNotFoundError that `f` throws.
template <class F>
std::string not_found_text(const F& f) {
  try {
    f();
  } catch (const TaskNotFoundError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Tasks, FunctionsAndFunctionPointersRun) {
  EXPECT_EQ(run(tasks::square, 5), 25);
  EXPECT_EQ(run(&tasks::square, 6), 36);
  int (*pointer)(int) = tasks::square;
  EXPECT_EQ(run(pointer, 7), 49);
  EXPECT_EQ(run(tasks::half, 5.0), 2.5);
  EXPECT_EQ(run(tasks::twice<std::string>, std::string("ab")), "abab");
}

TEST(Tasks, EmptyObjectsRun) {
  EXPECT_EQ(run([](int a, int b) { return a + b; }, 5, 3), 8);
  EXPECT_EQ(run(std::plus<>(), 2, 0.5), 2.5);
  EXPECT_EQ(run(tasks::Overloaded(), 1), 2);
  EXPECT_EQ(run(tasks::Overloaded(), std::string("x")), "x+1");
  EXPECT_EQ(run(tasks::WithDefault(), 1), 11);
  EXPECT_EQ(run(tasks::WithDefault(), 1, 2), 3);
  EXPECT_EQ(run([](auto... numbers) { return (numbers + ...); }, 1, 2.0F, 3.5), 6.5);
  EXPECT_EQ(run([](int x) mutable noexcept { return ++x; }, 1), 2);
}

TEST(Tasks, ALambdaThatCouldCaptureAndDoesNotRuns) {
  constexpr int factor = 3;
  EXPECT_EQ(run([&](int x) { return x * factor; }, 5), 15);
  EXPECT_EQ(run([=](int x) { return x + 1; }, 5), 6);
}

TEST(Tasks, TheStateOfAnObjectTravels) {
  EXPECT_EQ(run(tasks::Scale{2.5}, 4.0), 10.0);
  tasks::MutableCounter counter;
  counter.count = 40;
  EXPECT_EQ(run(counter, 2), 42);
  EXPECT_EQ(counter.count, 40);
}

TEST(Tasks, ArgumentsBecomeWhatTheFunctionTakes) {
  EXPECT_EQ(run(tasks::half, 5), 2.5);
  EXPECT_EQ(run(tasks::square, 5.9), 25);
  EXPECT_EQ(run([](const std::string& text) { return text.size(); }, "four"), 4U);
  EXPECT_TRUE(run(tasks::accepts, std::vector<bool>{true}[0]));
}

TEST(Tasks, TextAndArraysCanBeLookedAt) {
  EXPECT_EQ(run(tasks::length, "hello"), 5U);
  EXPECT_EQ(run(tasks::tail, "hello"), "ello");
  EXPECT_EQ(run(tasks::tail, std::string("hello")), "ello");
  EXPECT_EQ(run(tasks::greeting), "hello");
  EXPECT_EQ(run(tasks::sum, std::vector<int>{1, 2, 3}), 6);
  EXPECT_EQ(run([](auto text) { return std::string_view(text).size(); }, "generic"), 7U);
  static_assert(std::is_same_v<TaskResult<decltype(tasks::greeting)>, std::string>);
}

TEST(Tasks, ANullPointerToTextIsRefusedInTheCaller) {
  const char* const nothing = nullptr;
  EXPECT_THROW(run(tasks::length, nothing), procpool::SerializationError);
}

TEST(Tasks, WhatCanOnlyBeMovedTravelsBothWays) {
  auto number = std::make_unique<int>(41);
  EXPECT_EQ(*run(tasks::increment, number), 42);
  EXPECT_EQ(*number, 41);
  EXPECT_EQ(*run(tasks::increment, std::make_unique<int>(1)), 2);
}

TEST(Tasks, AReferenceComesBackAsAValue) {
  static_assert(std::is_same_v<TaskResult<decltype(tasks::longest), const char*, const char*>, std::string>);
  EXPECT_EQ(run(tasks::longest, "a", "bc"), "bc");
}

TEST(Tasks, NothingComesBackFromVoid) {
  static_assert(std::is_void_v<TaskResult<decltype(tasks::effect), int>>);
  tasks::last_effect = 0;
  run(tasks::effect, 9);
  EXPECT_EQ(tasks::last_effect, 9);
}

TEST(Tasks, WhatTheTaskThrowsPassesThrough) {
  EXPECT_THROW(run(tasks::fail, 3), std::out_of_range);
}

TEST(Tasks, ArgumentsThatAreNoneAreRefusedInTheWorker) {
  const auto call = procpool::detail::make_task_call<decltype(&tasks::square), int>(&tasks::square);
  const std::array<std::byte, 3> nonsense{};
  EXPECT_THROW(run_encoded(call.ref, call.prefix.view(), nonsense), procpool::SerializationError);
}

TEST(Tasks, ANullFunctionPointerIsRefusedInTheCaller) {
  int (*nothing)(int) = nullptr;
  EXPECT_THROW(run(nothing, 1), std::invalid_argument);
}

TEST(Tasks, NamedOnesRun) {
  EXPECT_EQ(run(named<int(int)>("tasks.square"), 9), 81);
  EXPECT_EQ(run(named<std::string(std::string, int)>("tasks.lambda"), "n", 5L), "n5");
  EXPECT_EQ(run(named<std::string(std::string)>("tasks.twice"), "x"), "xx");
  tasks::last_effect = 0;
  run(named<void(int)>("tasks.effect"), 4);
  EXPECT_EQ(tasks::last_effect, 4);
}

TEST(Tasks, ANamedOneIsKnownByWhatTravelsAndNotByHowItIsPassed) {
  EXPECT_EQ(run(named<std::size_t(std::string)>("tasks.length"), "four"), 4U);
  EXPECT_EQ(run(named<std::size_t(const std::string&)>("tasks.length"), "four"), 4U);
}

TEST(Tasks, ANamedOneCanBeCalledInThisProcess) {
  EXPECT_EQ(named<int(int)>("tasks.square")(3), 9);
  EXPECT_THROW(static_cast<void>(named<int(int)>("tasks.absent")(3)), TaskNotFoundError);
}

TEST(Tasks, ANameThatIsNotRegisteredIsNamedInTheError) {
  const std::string text = not_found_text([] { run(named<int(int)>("tasks.absent"), 1); });
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "\"tasks.absent\"", text);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "PROCPOOL_TASK", text);
}

TEST(Tasks, AnotherSignatureThanTheRegisteredOneIsAnErrorThatNamesBoth) {
  const std::string text = not_found_text([] { run(named<int(double)>("tasks.square"), 1); });
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "int (int)", text);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "int (double)", text);
}

TEST(Tasks, ANameThatIsRegisteredTwiceIsAnError) {
  const std::string text = not_found_text([] { run(named<int(int)>("tasks.twofold"), 1); });
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "more than once", text);
}

TEST(Tasks, OneFunctionHasOneReferenceOnEveryThread) {
  const auto code = reinterpret_cast<const void*>(&tasks::square);
  const auto here = procpool::detail::cached_task_ref(code);
  procpool::detail::TaskRef there;
  std::thread([&] { there = procpool::detail::cached_task_ref(code); }).join();
  EXPECT_EQ(here, there);
  EXPECT_EQ(procpool::detail::resolve_task(here), code);
  EXPECT_EQ(here.image(), 0U);
}

TEST(Tasks, AnAddressOutsideOfAllImagesIsNoTask) {
  const auto heap = std::make_unique<int>(0);
  EXPECT_THROW(static_cast<void>(procpool::detail::task_ref(heap.get())), TaskNotFoundError);
}

TEST(BoundTasks, CarryTheirArgumentsAndDropTheirResult) {
  tasks::last_effect = 0;
  const procpool::BoundTask bound = procpool::task(tasks::make_opaque, 7.9);
  const procpool::BoundTask copy = bound;
  EXPECT_TRUE(run_encoded(copy.ref(), copy.prefix(), copy.arguments()).empty());
  EXPECT_EQ(tasks::last_effect, 7);
}

TEST(BoundTasks, CanBeNamed) {
  tasks::last_effect = 0;
  const auto bound = procpool::task(named<void(int)>("tasks.effect"), 8);
  run_encoded(bound.ref(), bound.prefix(), bound.arguments());
  EXPECT_EQ(tasks::last_effect, 8);
}

struct Options {
  procpool::Initializer initializer{};
  procpool::ExitTask on_process_exit{};
};

TEST(Initializer, IsNothingUnlessItIsGiven) {
  EXPECT_FALSE(Options().initializer);
  EXPECT_FALSE(Options{.initializer = nullptr}.initializer);
  EXPECT_FALSE(Options().on_process_exit);
}

TEST(Initializer, IsAnythingThatCanBeCalledWithoutArguments) {
  tasks::last_effect = 0;
  const Options options{.initializer = [] { tasks::last_effect = 11; }};
  ASSERT_TRUE(options.initializer);
  run_encoded(options.initializer->ref(), options.initializer->prefix(), options.initializer->arguments());
  EXPECT_EQ(tasks::last_effect, 11);
  EXPECT_TRUE(Options{.initializer = tasks::greeting}.initializer);
}

TEST(Initializer, IsACallWithItsArguments) {
  tasks::last_effect = 0;
  const Options options{.initializer = procpool::task(tasks::effect, 12)};
  run_encoded(options.initializer->ref(), options.initializer->prefix(), options.initializer->arguments());
  EXPECT_EQ(tasks::last_effect, 12);
}

TEST(ExitTask, IsCalledWithThePidAndTheExitCodeAsItTakesThem) {
  tasks::last_effect = 0;
  const Options options{.on_process_exit = [](long pid, double code) {
    tasks::last_effect = static_cast<int>(pid) + static_cast<int>(code);
  }};
  ASSERT_TRUE(options.on_process_exit);
  ByteBuffer arguments;
  procpool::ExitTask::encode_arguments(arguments, 100, 3);
  run_encoded(options.on_process_exit.ref(), options.on_process_exit.prefix(), arguments.view());
  EXPECT_EQ(tasks::last_effect, 103);
}

}  // namespace
