// SPDX-License-Identifier: MIT
// Where a worker crashed, told by its WorkerLostError; and that telling it changes nothing else.
#include "conformance/pool_test.hpp"
#include "helpers/sanitizers.hpp"
#include "posix/crash_tasks.hpp"
#include "posix/surroundings.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <signal.h>

namespace procpool::testing {
namespace {

using namespace crashes;
using Reason = WorkerLostError::Reason;

class Crashes : public PoolTest {
 protected:
  /// What the task's loss is told as.
  template <class F, class... A>
  WorkerLostError lost(const F& f, const A&... arguments) {
    return thrown_by<WorkerLostError>([&] { pool_.apply(f, arguments...); });
  }
  Pool& pool() { return pool_; }

 private:
  Pool pool_ = make_pool(1);
};
INSTANTIATE_TEST_SUITE_P(Pool, Crashes, ::testing::Values("fork", "forkserver", "spawn"), backend_name);

/// The number of the first frame in a function whose name contains this, if there is one.
std::optional<std::size_t> place_of(const std::string& name, const std::vector<StackFrame>& stack) {
  const auto found = std::find_if(stack.begin(), stack.end(), [&](const StackFrame& frame) {
    return frame.function.find(name) != std::string::npos;
  });
  if (found == stack.end()) return std::nullopt;
  return static_cast<std::size_t>(found - stack.begin());
}
bool has(const std::string& name, const std::vector<StackFrame>& stack) {
  return place_of(name, stack).has_value();
}

TEST_P(Crashes, AreToldWithTheFunctionAndItsCallers) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  const auto error = lost(outer_function, 1);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  EXPECT_EQ(error.fault_address(), forbidden_address);
  const auto stack = error.stack();
  EXPECT_EQ(place_of("inner_function(int)", stack), 0U) << to_string(stack);
  EXPECT_EQ(place_of("outer_function(int)", stack), 1U) << to_string(stack);
  EXPECT_TRUE(has("run_worker", stack)) << to_string(stack);
}

TEST_P(Crashes, AreToldWithAnOffsetThatMeansTheSameInEveryWorker) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  const auto first = lost(outer_function, 1).stack();
  const auto second = lost(outer_function, 1).stack();
  ASSERT_GE(first.size(), 2U);
  ASSERT_GE(second.size(), 2U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(first[i].image, second[i].image);
    EXPECT_EQ(first[i].offset, second[i].offset);
    EXPECT_LT(first[i].offset, first[i].address);
  }
}

TEST_P(Crashes, InALibraryThatOnlyTheWorkerHasLoadedAreNamed) {
  if (const auto reason = no_shared_libraries(); !reason.empty()) GTEST_SKIP() << reason;
  if (!names_in_unloaded_libraries()) GTEST_SKIP() << "only what the host has loaded too has names here";
  const auto stack = lost(crash_in_library, std::string(PROCPOOL_TASK_LIBRARY)).stack();
  ASSERT_FALSE(stack.empty());
  EXPECT_NE(stack[0].function.find("inside_library(int)"), std::string::npos) << to_string(stack);
  EXPECT_EQ(stack[0].image, PROCPOOL_TASK_LIBRARY);
  EXPECT_EQ(place_of("library_crash", stack), 1U) << to_string(stack);
}

TEST_P(Crashes, EndTheWorkerByTheSignalThatItWouldHaveHadAnyway) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  for (const int signum : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP}) {
    const auto error = lost(raise_signal, signum);
    EXPECT_EQ(error.reason(), Reason::crashed);
    EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(signum));
    EXPECT_FALSE(error.fault_address()) << "it was sent, and no access failed";
    EXPECT_TRUE(has("raise_signal(int)", error.stack())) << signum << '\n' << to_string(error.stack());
  }
}

TEST_P(Crashes, OfEveryKindAreToldWithTheirFunction) {
  const auto illegal = lost(run_an_illegal_instruction);
  EXPECT_TRUE(illegal.exit_status().signal() == SIGILL || illegal.exit_status().signal() == SIGTRAP);
  EXPECT_EQ(place_of("run_an_illegal_instruction()", illegal.stack()), 0U) << to_string(illegal.stack());

  const auto beyond = lost(read_beyond_the_end_of_a_file);
  EXPECT_EQ(beyond.exit_status(), ExitStatus::from_signal(SIGBUS));
  EXPECT_TRUE(beyond.fault_address());
  EXPECT_EQ(place_of("read_beyond_the_end_of_a_file()", beyond.stack()), 0U) << to_string(beyond.stack());

#if defined(__x86_64__) || defined(__i386__)
  const auto division = lost(divide_by, 0);
  EXPECT_EQ(division.exit_status(), ExitStatus::from_signal(SIGFPE));
  EXPECT_EQ(place_of("divide_by(int)", division.stack()), 0U) << to_string(division.stack());
#endif
}

TEST_P(Crashes, ByAbortAreToldWithWhoCalledIt) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  const auto error = lost(call_abort);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGABRT));
  EXPECT_TRUE(has("call_abort()", error.stack())) << to_string(error.stack());
}

TEST_P(Crashes, ByAnExceptionThatMayNotLeaveAreToldWithWhoThrewIt) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  const auto error = lost(throw_through_noexcept);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGABRT));
  EXPECT_TRUE(has("throw_through_noexcept()", error.stack())) << to_string(error.stack());
}

TEST_P(Crashes, ByACallToNowhereAreToldWithTheCaller) {
  const auto error = lost(call_nothing);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  EXPECT_EQ(error.fault_address(), 0U);
  const auto stack = error.stack();
  EXPECT_EQ(place_of("call_nothing()", stack), 1U) << to_string(stack);
}

TEST_P(Crashes, ByAnOverflowOfTheStackAreTold) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  const auto error = lost(overflow_the_stack, 1);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  const auto stack = error.stack();
  ASSERT_EQ(stack.size(), 64U);
  EXPECT_EQ(place_of("overflow_the_stack(int)", stack), 0U) << to_string(stack);
}

TEST_P(Crashes, InAnotherThreadOfTheWorkerAreTold) {
  const auto stack = lost(crash_in_another_thread).stack();
  EXPECT_EQ(place_of("inner_function(int)", stack), 0U) << to_string(stack);
}

TEST_P(Crashes, OnARuinedStackEndTheWorkerByTheirSignalAndTellThePlace) {
  const auto error = lost(ruin_the_stack);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  // ThreadSanitizer runs handlers with all signals blocked: a fault of the unwinder's ends the process there.
  if (under_thread_sanitizer) GTEST_SKIP() << "the place is not told under ThreadSanitizer";
  EXPECT_EQ(place_of("ruin_the_stack()", error.stack()), 0U) << to_string(error.stack());
}

TEST_P(Crashes, OfTheUnwinderTooEndTheWorkerByTheFirstSignal) {
  if (!unwinder_can_be_replaced())
    GTEST_SKIP() << "here the library has an unwinder that no program can replace";
  const auto error = lost(crash_while_the_unwinder, static_cast<int>(Unwinder::faults));
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  EXPECT_EQ(error.fault_address(), forbidden_address);
  EXPECT_EQ(place_of("inner_function(int)", error.stack()), 0U) << to_string(error.stack());
}

TEST_P(Crashes, EndTheWorkerByTheirSignalIfTheUnwinderHangs) {
  if (!unwinder_can_be_replaced())
    GTEST_SKIP() << "here the library has an unwinder that no program can replace";
  const TimePoint begin = Clock::now();
  const auto error = lost(crash_while_the_unwinder, static_cast<int>(Unwinder::hangs));
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(20));
}

TEST_P(Crashes, AHandlerOfTheTasksOwnGoesFirst) {
  const auto error = lost(handle_segfaults_and_crash);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_code(42));
  EXPECT_TRUE(error.stack().empty());
  EXPECT_EQ(pool().apply(ignore_a_trap), 7);
}

TEST_P(Crashes, AHandlerOfTheInitializersGoesFirst) {
  PoolOptions with = options(1);
  with.initializer = handle_segfaults;
  Pool other(std::move(with));
  const auto error = thrown_by<WorkerLostError>([&] { other.apply(outer_function, 1); });
  EXPECT_EQ(error.exit_status(), ExitStatus::from_code(42));
}

TEST_P(Crashes, ASignalThatTheHostIgnoresIsIgnoredByItsWorkers) {
  ::signal(SIGTRAP, SIG_IGN);
  Pool other = make_pool(1);
  ::signal(SIGTRAP, SIG_DFL);
  EXPECT_EQ(other.apply(raise_signal, SIGTRAP), 1);
}

TEST_P(Crashes, AHandlerThatPassesTheSignalOnLosesNothing) {
  const auto error = lost(handle_segfaults_politely_and_crash);
  EXPECT_EQ(error.exit_status(), ExitStatus::from_signal(SIGSEGV));
  EXPECT_EQ(place_of("inner_function(int)", error.stack()), 0U) << to_string(error.stack());
}

TEST_P(Crashes, OfWhatATaskHasForkedAreNotTheWorkers) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  EXPECT_EQ(pool().apply(fork_and_crash), SIGSEGV);
  const auto error = lost(call_abort);
  EXPECT_FALSE(has("inner_function", error.stack())) << to_string(error.stack());
  EXPECT_TRUE(has("call_abort()", error.stack()));
}

TEST_P(Crashes, AreToldThoughWhatATaskHasLeftBehindHoldsTheCapturedStderr) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  PoolOptions with = options(1);
  with.capture_stderr = KiB;
  Pool other(std::move(with));
  const auto handle = other.apply_async(leave_a_process_and_crash);
  const auto error = thrown_by<WorkerLostError>([&] { handle.get(patience); });
  EXPECT_EQ(error.stderr_tail(), "left");
  EXPECT_TRUE(has("outer_function(int)", error.stack()));
}

TEST_P(Crashes, WriteTheirLastMessageToTheCapturedStderr) {
  PoolOptions with = options(1);
  with.capture_stderr = KiB;
  Pool other(std::move(with));
  const auto error = thrown_by<WorkerLostError>([&] { other.apply(throw_through_noexcept); });
  EXPECT_NE(error.stderr_tail().find("let out"), std::string::npos) << error.stderr_tail();
}

TEST_P(Crashes, OtherEndsHaveNoStack) {
  const auto exited = lost(tasks::exit_with, 3);
  EXPECT_TRUE(exited.stack().empty());
  EXPECT_FALSE(exited.fault_address());
  const auto killed = lost(raise_signal, SIGKILL);
  EXPECT_TRUE(killed.stack().empty());
}

TEST_P(Crashes, AreToldByEveryCopyOfTheErrorAndAfterThePool) {
  if (const auto reason = no_stack_of_crashes(); !reason.empty()) GTEST_SKIP() << reason;
  std::exception_ptr kept;
  {
    Pool other = make_pool(1);
    const auto handle = other.apply_async(outer_function, 1);
    try {
      handle.get(patience);
    } catch (...) {
      kept = std::current_exception();
    }
  }
  const auto error = thrown_by<WorkerLostError>([&] { std::rethrow_exception(kept); });
  EXPECT_TRUE(has("outer_function(int)", error.stack()));
}

TEST_P(Crashes, AreNoMatterOfTheHosts) {
  for (const int signum : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGALRM}) {
    struct sigaction action {};
    ASSERT_EQ(::sigaction(signum, nullptr, &action), 0);
    EXPECT_EQ(action.sa_handler, SIG_DFL) << signum;
  }
}

}  // namespace
}  // namespace procpool::testing
