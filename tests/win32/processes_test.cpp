// SPDX-License-Identifier: MIT
// What is left of workers, pools and hosts when they end: nothing.
#include "helpers/platform.hpp"
#include "helpers/tasks.hpp"
#include "win32/child_program.hpp"

#include <procpool/procpool.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <tlhelp32.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds patience{30};

Pid start_one_and_crash(std::string file) {
  tasks::append_line(file, std::to_string(tasks::spawn_grandchild()));
  tasks::segfault();
  return 0;
}
int write_to_address_64() {
  volatile std::uintptr_t address = 64;
  *reinterpret_cast<volatile int*>(address) = 1;
  return 0;
}
int call_address_16() {
  volatile std::uintptr_t address = 16;
  return reinterpret_cast<int (*)()>(address)() + 1;
}
int abort_in_a_task() {
  std::abort();
}

/// How many processes run the program, also those that have not begun to.
int count_processes(const std::string& program) {
  const Handle all(::CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0));
  PROCESSENTRY32 entry{};
  entry.dwSize = sizeof entry;
  int count = 0;
  for (BOOL more = ::Process32First(all.get(), &entry); more != 0;
       more = ::Process32Next(all.get(), &entry)) {
    if (program == entry.szExeFile) ++count;
  }
  return count;
}

TEST(WindowsProcesses, WhatAWorkerHasStartedIsGoneWhenItIsKilled) {
  Pool pool(1);
  const Pid started = pool.apply(tasks::spawn_grandchild);
  EXPECT_FALSE(tasks::is_gone(started)) << "it outlives its task";
  const auto hangs = pool.apply_async(tasks::hang, std::tuple{}, {.timeout = 50ms});
  EXPECT_THROW(hangs.get(patience), TimeLimitExceeded);
  EXPECT_TRUE(tasks::is_gone(started)) << "when the error is told, not some time later";
}

TEST(WindowsProcesses, WhatAWorkerHasStartedIsGoneWhenItCrashes) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/started";
  Pool pool(1);
  EXPECT_THROW(pool.apply(start_one_and_crash, file), WorkerLostError);
  std::ifstream lines(file);
  Pid started = 0;
  ASSERT_TRUE(lines >> started);
  EXPECT_TRUE(tasks::is_gone(started));
}

TEST(WindowsProcesses, WhatAWorkerHasStartedIsGoneWithThePool) {
  Pid started = 0;
  {
    Pool pool(2);
    started = pool.apply(tasks::spawn_grandchild);
  }
  EXPECT_TRUE(tasks::goes_away(started));
}

TEST(WindowsProcesses, AHostThatIsKilledLeavesNothing) {
  ChildProgram host(beside("procpool_host_program.exe"));
  std::vector<Pid> started;
  std::string line;
  for (line = host.line(); !line.empty() && line != "ready"; line = host.line())
    started.push_back(std::stoi(line));
  ASSERT_EQ(line, "ready");
  ASSERT_EQ(started.size(), 4U);
  for (const Pid pid : started) EXPECT_FALSE(tasks::is_gone(pid)) << pid;
  host.kill();
  for (const Pid pid : started) EXPECT_TRUE(tasks::goes_away(pid)) << pid;
}

TEST(WindowsProcesses, AHostThatDiesWhileItStartsItsWorkersLeavesNothing) {
  const std::string program = "procpool_short_lived_host_program.exe";
  // The start of four workers takes so long, and each host dies at another point of it.
  constexpr std::chrono::microseconds start = 150ms;
  constexpr int hosts = 40;
  int most = 0;
  for (int i = 0; i < hosts; ++i) {
    const std::string life = std::to_string((start * i / hosts).count());
    ChildProgram host(beside(program), life);
    most = std::max(most, count_processes(program));
    host.wait();
    const auto patience_ends = std::chrono::steady_clock::now() + patience;
    while (count_processes(program) != 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), patience_ends)
          << "left by a host that lived for " << life << " us";
      std::this_thread::sleep_for(1ms);
    }
  }
  EXPECT_GT(most, 0) << "the hosts are seen";
}

TEST(WindowsProcesses, AThousandPoolsLeaveNoHandle) {
  if (const char* const reason = std::getenv("PROCPOOL_TEST_FEW_POOLS")) GTEST_SKIP() << reason;
  // Made by few at first: the system's thread pool and the C library keep some handles from their first use.
  const auto make = [](int count) {
    constexpr int at_once = 4;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < at_once; ++thread) {
      threads.emplace_back([count] {
        for (int i = 0; i < count / at_once; ++i) {
          Pool pool(1);
          ASSERT_EQ(pool.apply(tasks::add, i, 1), i + 1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  make(20);
  const int before = count_own_handles();
  make(1000);
  // The threads of the system's pool come and go, each with a handle or two.
  EXPECT_LE(count_own_handles(), before + 16);
}

TEST(WindowsProcesses, WorkersThatCrashLeaveNoHandle) {
  Pool pool(2);
  const auto crash = [&](int count) {
    for (int i = 0; i < count; ++i) EXPECT_THROW(pool.apply(tasks::segfault), WorkerLostError);
  };
  crash(20);
  const int before = count_own_handles();
  crash(100);
  EXPECT_LE(count_own_handles(), before + 16);
}

TEST(WindowsProcesses, MoreWorkersThanAWaitCanNameAreAllHeard) {
  constexpr std::size_t count = 80;  // WaitForMultipleObjects takes 64
  Pool pool(count);
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> waiting;
  for (std::size_t i = 0; i < count; ++i) {
    waiting.push_back(pool.apply_async(tasks::wait_at, gate.path(), static_cast<int>(i)));
  }
  EXPECT_TRUE(gate.reached(count));
  gate.open();
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(waiting[i].get(patience), static_cast<int>(i));
}

TEST(WindowsProcesses, AbortIsToldAsACrash) {
  Pool pool(1);
  try {
    pool.apply(abort_in_a_task);
    FAIL() << "nothing was thrown";
  } catch (const WorkerLostError& error) {
    EXPECT_EQ(error.reason(), WorkerLostError::Reason::crashed);
    EXPECT_NE(std::string(error.what()).find("STATUS_FATAL_APP_EXIT"), std::string::npos) << error.what();
  }
}

/// The frame lies within the function, which is in this program. Names of functions are for the system to
/// find: Wine knows none in programs of GCC.
void expect_within(const StackFrame& frame, int (*function)()) {
  const auto base = reinterpret_cast<std::uintptr_t>(::GetModuleHandleW(nullptr));
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(function) - base;
  EXPECT_EQ(frame.image, own_program());
  EXPECT_GE(frame.offset, offset);
  EXPECT_LT(frame.offset, offset + 200);
}

TEST(WindowsProcesses, ACrashIsToldWithItsPlace) {
  Pool pool(1);
  try {
    pool.apply(write_to_address_64);
    FAIL() << "nothing was thrown";
  } catch (const WorkerLostError& error) {
    EXPECT_EQ(error.fault_address(), std::optional<std::uint64_t>(64));
    ASSERT_GT(error.stack().size(), 3U);
    expect_within(error.stack()[0], &write_to_address_64);
    std::string stack = to_string(error.stack());  // where the image is KERNEL32.DLL, but in Wine
    std::transform(stack.begin(), stack.end(), stack.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_NE(stack.find("kernel32.dll"), std::string::npos) << "the stack is told to its end";
  }
}

TEST(WindowsProcesses, ACallThatGoesAstrayIsToldWithItsCaller) {
  Pool pool(1);
  try {
    pool.apply(call_address_16);
    FAIL() << "nothing was thrown";
  } catch (const WorkerLostError& error) {
    ASSERT_GT(error.stack().size(), 3U);
    EXPECT_EQ(error.stack()[0].address, 16U);
    expect_within(error.stack()[1], &call_address_16);
  }
}

}  // namespace
}  // namespace procpool::testing
