// SPDX-License-Identifier: MIT
// What a pool and the rest of its host's program do not do to each other.
#include "helpers/tasks.hpp"
#include "posix/child_process.hpp"
#include "posix/process_pool_test.hpp"
#include "posix/surroundings.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

class PoolHost : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(PoolHost);

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void reap_all(int) {
  const int before = errno;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  errno = before;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

enum class WayBack : std::uint8_t { result, long_result, exception };

/// Both the worker and a child of it come back from here, the child first.
std::string fork_and_come_back(WayBack way) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (way == WayBack::exception) throw std::runtime_error("of the child");
    return std::string(way == WayBack::result ? 1 : 1'000'000, 'c');
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status)) : "killed";
}

/// The child tells whether it is inside a task.
int inside_task_after_fork() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(this_task::is_inside_task() || this_task::soft_timeout_requested() ? 1 : 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(PoolHost, AnInterruptFromTheTerminalLeavesTheWorkersAlone) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    std::signal(SIGINT, [](int) {});  // the host's own business
    Pool pool(options(2));
    const std::vector<Pid> before = pool.worker_pids();
    const tasks::Gate gate;
    const auto running = pool.apply_async(tasks::wait_at, gate.path(), 5);
    static_cast<void>(gate.reached());
    ::kill(0, SIGINT);
    gate.open();
    tell(std::to_string(running.get(patience)));
    tell(pool.worker_pids() == before ? "the same workers" : "other workers");
  });
  EXPECT_EQ(host.line(), "5");
  EXPECT_EQ(host.line(), "the same workers");
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolHost, TheHostMayIgnoreOrHandleItsChildren) {
  const auto use_pool = [](const ChildProcess::Tell& tell) {
    Pool pool(options(2));
    try {
      pool.apply(tasks::exit_with, 3);
    } catch (const WorkerLostError& error) {
      tell(error.exit_status().to_string());
    }
    try {
      pool.apply(tasks::segfault);
    } catch (const WorkerLostError& error) {
      tell(std::to_string(error.exit_status().signal()));
    }
    tell(std::to_string(pool.apply(tasks::add, 1, 2)));
    pool.close();
    tell(pool.join(patience) ? "ended" : "did not end");
  };
  const std::vector<std::string> expected{ExitStatus::from_code(3).to_string(), std::to_string(SIGSEGV), "3",
                                          "ended"};
  for (void (*const handler)(int) : {SIG_DFL, SIG_IGN, reap_all}) {
    ChildProcess host([&](const ChildProcess::Tell& tell) {
      std::signal(SIGCHLD, handler);
      use_pool(tell);
    });
    EXPECT_EQ(host.lines(), expected);
    EXPECT_EQ(host.exit_code(), 0);
  }
}

TEST_P(PoolHost, TheHostMayWaitForAnyChildOnAnotherThread) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    std::atomic<bool> done{false};
    std::thread reaper([&] {
      while (!done) {
        ::waitpid(-1, nullptr, WNOHANG);
        std::this_thread::yield();
      }
    });
    for (int i = 0; i < 5; ++i) {
      Pool pool(options(2));
      try {
        pool.apply(tasks::exit_with, i);
      } catch (const WorkerLostError& error) {
        tell(std::to_string(error.exit_status().code()));
      }
    }
    done = true;
    reaper.join();
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(host.exit_code(), 0);
}

std::atomic<int> children_ended{0};

TEST_P(PoolHost, APoolCanBeMadeWhileAnotherThreadHasALockOfTheDynamicLinker) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    static_cast<void>(
        Pool(options(1)).apply(tasks::add, 1, 2));  // what is looked up once is known from here on
    children_ended = 0;
    std::signal(SIGCHLD, [](int) { ++children_ended; });
    std::atomic<bool> locked{false};
    std::atomic<bool> made{false};
    std::thread other([&] {
      with_images_locked([&] {
        locked = true;
        // A child that cannot live with the lock ends, and the next shall find it free.
        while (children_ended == 0 && !made) std::this_thread::yield();
      });
    });
    while (!locked) std::this_thread::yield();
    Pool pool(options(2));
    made = true;
    other.join();
    tell(std::to_string(pool.apply(tasks::square, 5)));
    tell(std::to_string(pool.worker_pids().size()));
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"25", "2"}));
  EXPECT_EQ(host.exit_code(), 0);
}

/// What a thread of the host may be at when a pool is made. Each takes a lock of the C library.
const std::pair<const char*, void (*)()> calls_of_the_c_library[] = {
    {"localtime_r",
     [] {
       const std::time_t now = 0;
       std::tm fields{};
       ::localtime_r(&now, &fields);
     }},
    {"setenv", [] { ::setenv("PROCPOOL_TEST_CALL", "1", 1); }},
    {"rand", [] { static_cast<void>(std::rand()); }},
};

int make_call(std::size_t which) {
  calls_of_the_c_library[which].second();
  return 1;
}

TEST_P(PoolHost, ATaskHasTheCLibraryThoughAnotherThreadUsedItWhenThePoolWasMade) {
  for (std::size_t which = 0; which < std::size(calls_of_the_c_library); ++which) {
    ChildProcess host([which](const ChildProcess::Tell& tell) {
      children_ended = 0;
      std::signal(SIGCHLD, [](int) { ++children_ended; });
      make_call(which);
      std::atomic<bool> calling{false};
      std::atomic<bool> made{false};
      std::thread other([&] {
        while (children_ended == 0 && !made) {
          make_call(which);
          calling = true;
        }
      });
      while (!calling) std::this_thread::yield();
      PoolOptions limited = options(1);
      limited.timeout = std::chrono::seconds(10);
      Pool pool(std::move(limited));
      made = true;
      other.join();
      tell(std::to_string(pool.apply(make_call, which)));
    });
    EXPECT_EQ(host.lines(), (std::vector<std::string>{"1"})) << calls_of_the_c_library[which].first;
    EXPECT_EQ(host.exit_code(), 0);
  }
}

int next_random() {
  return std::rand();
}

TEST_P(PoolHost, AWorkerGoesOnWithTheRandomNumbersOfTheHost) {
  if (GetParam() != "fork") GTEST_SKIP() << "only the workers of fork have the host's state";
  std::srand(42);
  static_cast<void>(std::rand());
  Pool pool(options(1));
  const int first = pool.apply(next_random);
  const int second = pool.apply(next_random);
  EXPECT_EQ(std::rand(), first);
  EXPECT_EQ(std::rand(), second);
}

TEST_P(PoolHost, WhatTheHostHasInMemoryDoesNotCountForAWorker) {
  constexpr std::size_t size = 128UL << 20U;
  const std::string memory(size, 'x');
  Pool pool(options(1));
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
  const PoolStats stats = pool.stats();
  ASSERT_EQ(stats.workers.size(), 1U);
  ASSERT_TRUE(stats.workers[0].footprint.has_value());
  EXPECT_LT(stats.workers[0].footprint->bytes(), size / 2) << memory.back();
}

TEST_P(PoolHost, AnIdleWorkerThatIsStoppedKeepsNoJob) {
  Pool pool(options(2));
  const std::vector<Pid> workers = pool.worker_pids();
  ASSERT_EQ(workers.size(), 2U);
  ::kill(workers[0], SIGSTOP);
  for (int i = 0; i < 10; ++i) {
    const auto job = pool.apply_async(tasks::square, i);
    ASSERT_EQ(job.get(patience), i * i);
  }
  ::kill(workers[0], SIGCONT);
}

TEST_P(PoolHost, ThePoolReapsNoChildOfTheHosts) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(42);
    {
      Pool pool(options(2));
      try {
        pool.apply(tasks::segfault);
      } catch (const WorkerLostError&) {
      }
    }
    int status = 0;
    tell(::waitpid(child, &status, 0) == child ? std::to_string(WEXITSTATUS(status)) : "gone");
  });
  EXPECT_EQ(host.line(), "42");
}

TEST_P(PoolHost, WhatIsPrintedIsWrittenOnce) {
  const tasks::Gate folder;
  const std::string path = folder.path() + "/out";
  ChildProcess host([&](const ChildProcess::Tell&) {
    const int file = ::open(path.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    ::dup2(file, STDOUT_FILENO);
    std::fputs("<host>", stdout);  // in a buffer when the pool is made
    Pool pool(options(2));
    for (int i = 0; i < 4; ++i) pool.apply(print, "<task>");
    try {
      pool.apply(
          [](int code) {
            std::fputs("<exits>", stdout);
            std::exit(code);
          },
          3);
    } catch (const WorkerLostError&) {
    }
    pool.close();
    pool.join();
  });
  EXPECT_EQ(host.exit_code(), 0);
  const std::string text = contents(path);
  const auto count = [&](const std::string& what) {
    int found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<host>"), 1) << text;
  EXPECT_EQ(count("<task>"), 4) << text;
  EXPECT_EQ(count("<exits>"), 1) << text;
}

TEST_P(PoolHost, WhatATaskPrintedIsThereWhenTheWorkerHasNothingElseToDo) {
  const tasks::Gate folder;
  const std::string path = folder.path() + "/out";
  ChildProcess host([&](const ChildProcess::Tell& tell) {
    const int file = ::open(path.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    ::dup2(file, STDOUT_FILENO);
    Pool pool(options(1));
    pool.apply(print, "progress");
    tell("printed");
    ::pause();
  });
  ASSERT_EQ(host.line(), "printed");
  const auto give_up = Clock::now() + patience;
  while (contents(path) != "progress" && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(contents(path), "progress");
}

std::string exit_note;

TEST_P(PoolHost, ExitHandlersOfTheHostRunInTheHostAlone) {
  if (const auto reason = exit_runs_handlers_of_host(); !reason.empty() && GetParam() == "fork") {
    GTEST_SKIP() << reason;
  }
  const tasks::Gate folder;
  exit_note = folder.path() + "/exits";
  ChildProcess host([](const ChildProcess::Tell&) {
    std::atexit([] { tasks::append_line(exit_note, "host"); });
    Pool pool(options(2));
    for (int i = 0; i < 4; ++i) pool.apply(tasks::add, i, i);
    try {
      pool.apply(tasks::exit_with, 1);
    } catch (const WorkerLostError&) {
    }
    pool.close();
    pool.join();
  });
  EXPECT_EQ(host.exit_code(), 0);
  EXPECT_EQ(contents(exit_note), "host\n");
}

TEST_P(PoolHost, AChildThatTheHostForksMayDestroyItsCopyOfThePool) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    Pool pool(options(2));
    const std::vector<Pid> workers = pool.worker_pids();
    const pid_t child = ::fork();
    if (child == 0) {
      { const Pool copy = std::move(pool); }
      ::_exit(7);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    tell(std::to_string(WEXITSTATUS(status)));
    tell(std::to_string(pool.apply(tasks::add, 1, 2)));
    tell(pool.worker_pids() == workers ? "the same workers" : "other workers");
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"7", "3", "the same workers"}));
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolHost, TheHostMayHaveClosedItsStandardStreams) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(number);
    {
      Pool pool(options(2));
      tell(std::to_string(pool.apply(tasks::add, 1, 2)));
    }
    tell(::fcntl(STDIN_FILENO, F_GETFD) < 0 ? "still closed" : "opened");
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"3", "still closed"}));
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolHost, AChildThatATaskForksDoesNotAnswerInTheWorkersName) {
  Pool pool(options(1));
  for (const WayBack way : {WayBack::result, WayBack::long_result, WayBack::exception}) {
    const std::string end_of_child = "exit code 70";
    EXPECT_EQ(pool.apply(fork_and_come_back, way), end_of_child);
    EXPECT_EQ(pool.map(fork_and_come_back, std::vector{way, way}, 1), std::vector(2, end_of_child));
    EXPECT_EQ(pool.map(fork_and_come_back, std::vector{way, way}, 2), std::vector(2, end_of_child));
  }
}

TEST_P(PoolHost, AChildThatATaskForksIsInsideNoTask) {
  Pool pool(options(1));
  EXPECT_EQ(pool.apply(inside_task_after_fork), 0);
}

TEST_P(PoolHost, WorkersDoNotKeepThePipesOfThePool) {
  // A pipe whose write end only the host has: the reader sees the end when the host closes it, workers or
  // not.
  ChildProcess host([](const ChildProcess::Tell& tell) {
    Pool pool(options(2));
    int ends[2];
    if (::pipe(ends) != 0) return;  // made after the pool: only later workers could get it
    for (int i = 0; i < 4; ++i) {
      try {
        pool.apply(tasks::exit_with, 0);
      } catch (const WorkerLostError&) {
      }
    }
    tell(std::to_string(pool.apply(tasks::add, 1, 2)));
    ::close(ends[1]);
    char byte = 0;
    tell(::read(ends[0], &byte, 1) == 0 ? "end of file" : "something else");
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"3", "end of file"}));
}

}  // namespace
}  // namespace procpool::testing
