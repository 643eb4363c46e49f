// SPDX-License-Identifier: MIT
// Pools of a host that runs out of descriptors or of processes: named errors, and nothing lost.
#include "helpers/platform.hpp"
#include "helpers/sanitizers.hpp"
#include "helpers/tasks.hpp"
#include "posix/child_process.hpp"
#include "posix/process_pool_test.hpp"
#include "posix/surroundings.hpp"

#include <cerrno>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iterator>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

class PoolLimits : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(PoolLimits);

rlim_t next_descriptor() {
  const int next = ::fcntl(0, F_DUPFD, 0);
  ::close(next);
  return static_cast<rlim_t>(next);
}

long open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/dev/fd"), std::filesystem::directory_iterator());
}

/// An enumeration in glibc, and int elsewhere.
using Resource = decltype(RLIMIT_NOFILE);

void limit(Resource resource, rlim_t soft) {
  rlimit value{};
  ::getrlimit(resource, &value);
  value.rlim_cur = soft;
  ::setrlimit(resource, &value);
}

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// From now on the program can have so much more memory, and not much more than that. False if the system
/// does not hold it to that.
bool limit_memory(std::size_t more) {
  const auto fits = [more](rlim_t bytes) {
    limit(RLIMIT_AS, bytes);
    void* const memory = ::mmap(nullptr, more, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    return memory != MAP_FAILED && ::munmap(memory, more) == 0;
  };
  rlim_t too_little = 0;
  rlim_t enough = std::numeric_limits<rlim_t>::max() / 4;
  if (fits(too_little)) return false;
  while (enough - too_little > mebibyte) {
    const rlim_t middle = too_little + (enough - too_little) / 2;
    (fits(middle) ? enough : too_little) = middle;
  }
  return fits(enough);
}

std::string zeros(std::size_t count) {
  return std::string(count, '\0');
}

/// Makes a pool and uses it: "ok", or the error.
std::string try_pool(const PoolOptions& options) {
  try {
    Pool pool(options);
    return pool.apply(tasks::add, 1, 2) == 3 ? "ok" : "a wrong result";
  } catch (const SpawnError& error) {
    return "SpawnError " + std::to_string(error.code().value());
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
}

TEST_P(PoolLimits, WithTooFewDescriptorsTheConstructorSaysSoAndLeaksNone) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    tell(try_pool(options(2)));  // what is opened once and for all
    const rlim_t next = next_descriptor();
    const long before = open_descriptors();
    std::string outcome;
    for (rlim_t room = 0; room < 64 && outcome != "ok"; ++room) {
      limit(RLIMIT_NOFILE, next + room);
      outcome = try_pool(options(2));
      limit(RLIMIT_NOFILE, 1024);
      tell(outcome);
      if (open_descriptors() != before) tell("leaked");
    }
  });
  const std::vector<std::string> outcomes = host.lines();
  ASSERT_GE(outcomes.size(), 3U);
  EXPECT_EQ(outcomes.front(), "ok");
  EXPECT_EQ(outcomes.back(), "ok");
  for (std::size_t i = 1; i + 1 < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i], "SpawnError " + std::to_string(EMFILE)) << "with room for " << i - 1;
  }
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolLimits, AReplacementThatFindsNoDescriptorsComesWhenThereAreSome) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    Pool pool(options(2));
    limit(RLIMIT_NOFILE, 3);  // what dead workers give back does not help
    for (int i = 0; i < 2; ++i) {
      try {
        pool.apply(tasks::segfault);
      } catch (const WorkerLostError&) {
        tell("lost");
      }
    }
    const auto waiting = pool.apply_async(tasks::add, 1, 2);
    tell(waiting.wait(std::chrono::milliseconds(100)) ? "too early" : "waits");
    limit(RLIMIT_NOFILE, 1024);
    tell(std::to_string(waiting.get(patience)));
    while (pool.worker_pids().size() != 2) std::this_thread::yield();
    tell("whole");
  });
  EXPECT_EQ(host.lines(), (std::vector<std::string>{"lost", "lost", "waits", "3", "whole"}));
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolLimits, AResultThatTheHostHasNoMemoryForFailsItsJobAlone) {
  if (under_sanitizer) GTEST_SKIP() << "a sanitizer ends a program that gets no memory";
  ChildProcess host([](const ChildProcess::Tell& tell) {
    Pool pool(options(1));
    const Pid worker = pool.apply(tasks::worker_pid);
    if (!limit_memory(128 * mebibyte)) return tell("no limit");
    const auto outcome = [&](auto&& call) {
      try {
        call();
        tell("fits");
      } catch (const std::bad_alloc&) {
        tell("bad_alloc");
      }
    };
    outcome([&] { pool.apply(zeros, 16 * mebibyte); });
    outcome([&] { pool.apply(zeros, 200 * mebibyte); });
    outcome([&] { pool.map(zeros, std::vector<std::size_t>(8, 24 * mebibyte)); });
    outcome([&] { pool.map(zeros, std::vector<std::size_t>(16, 12 * mebibyte), 2); });
    outcome([&] { pool.apply(zeros, 16 * mebibyte); });
    tell(pool.apply(tasks::worker_pid) == worker ? "the same worker" : "another worker");
  });
  const std::string first = host.line();
  if (first == "no limit") GTEST_SKIP() << "the system does not limit the memory of a program";
  EXPECT_EQ(first, "fits");
  EXPECT_EQ(host.lines(),
            (std::vector<std::string>{"bad_alloc", "bad_alloc", "bad_alloc", "fits", "the same worker"}));
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolLimits, ALimitOnTheSizeOfFilesIsAnErrorAndNoSignal) {
  if (!shared_memory_is_a_file()) GTEST_SKIP() << "shared memory is no file here";
  ChildProcess host([](const ChildProcess::Tell& tell) {
    limit(RLIMIT_FSIZE, 1 << 20);
    tell(try_pool(options(1)));
  });
  EXPECT_EQ(host.line(), "SpawnError " + std::to_string(EFBIG));
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolLimits, AFullDevShmIsNoHindrance) {
  ChildProcess host([](const ChildProcess::Tell& tell) {
    tell(fill_dev_shm() ? "full" : "not allowed");
    tell(try_pool(options(2)));
  });
  if (host.line() != "full") GTEST_SKIP() << "needs the right to mount, and a /dev/shm";
  EXPECT_EQ(host.line(), "ok");
  EXPECT_EQ(host.exit_code(), 0);
}

TEST_P(PoolLimits, WithTooFewProcessesTheConstructorSaysSo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user who has no other processes";
  if (under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer's own thread is one too many";
  ChildProcess host([](const ChildProcess::Tell& tell) {
    const auto nobody_else = static_cast<uid_t>(100'000 + ::getpid());
    if (::setgid(nobody_else) != 0 || ::setuid(nobody_else) != 0) tell("cannot change the user");
    if (::access(own_program().c_str(), X_OK) != 0) {
      tell("not accessible");
      return;
    }
    std::string outcome;
    for (rlim_t count = 1; count < 20 && outcome != "ok"; ++count) {
      limit(RLIMIT_NPROC, count);
      outcome = try_pool(options(2));
      tell(outcome);
    }
  });
  const std::vector<std::string> outcomes = host.lines();
  if (!outcomes.empty() && outcomes.front() == "not accessible") {
    GTEST_SKIP() << "another user may not run this program";
  }
  ASSERT_GE(outcomes.size(), 3U);
  EXPECT_EQ(outcomes.back(), "ok");
  for (std::size_t i = 0; i + 1 < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i], "SpawnError " + std::to_string(EAGAIN)) << "with " << i + 1 << " processes";
  }
  EXPECT_EQ(host.exit_code(), 0);
}

}  // namespace
}  // namespace procpool::testing
