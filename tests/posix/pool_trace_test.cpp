// SPDX-License-Identifier: MIT
// Traces of hosts that are killed, and on files that cannot take them.
#include "helpers/json.hpp"
#include "helpers/tasks.hpp"
#include "posix/child_process.hpp"
#include "posix/process_pool_test.hpp"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace procpool::testing {
namespace {

class PoolTrace : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(PoolTrace);

TEST_P(PoolTrace, OfAHostThatIsKilledTheEventsSoFarAreValid) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/trace.json";
  ChildProcess host([&file](const ChildProcess::Tell& tell) {
    PoolOptions traced = options(2);
    traced.trace = file;
    Pool pool(std::move(traced));
    for (;;) {
      pool.map(tasks::square, std::vector<int>(500));
      if (std::filesystem::file_size(file) > 100'000) tell("much");
    }
  });
  ASSERT_EQ(host.line(), "much");
  host.kill(SIGKILL);
  EXPECT_EQ(host.exit_code(), -1);
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  std::string events = text.str();
  // The kill may have cut the last write short, at any byte.
  if (!events.ends_with('}')) events.resize(events.rfind(",\n"));
  EXPECT_GT(Json::parse(events + "]").array().size(), 100U);
}

TEST_P(PoolTrace, AFullDiskEndsTheTraceAloneAndIsLoggedOnce) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> log;
  PoolOptions traced = options(2);
  traced.trace = "/dev/full";
  traced.on_log = [&](const std::string& message) {
    const std::lock_guard guard(mutex);
    if (message.find("/dev/full") != std::string::npos) log.push_back(message);
    changed.notify_all();
  };
  {
    Pool pool(std::move(traced));
    EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
    EXPECT_THROW(pool.apply(tasks::exit_with, 7), WorkerLostError);
    {
      std::unique_lock lock(mutex);
      EXPECT_TRUE(changed.wait_for(lock, patience, [&] { return !log.empty(); }));
    }
    EXPECT_EQ(pool.map(tasks::square, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 4, 9}));
  }
  EXPECT_EQ(log.size(), 1U);
}

TEST_P(PoolTrace, WhoIsToldOfTheFullDiskMayEndThePoolAndThrow) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  for (const bool threads : {true, false}) {
    ChildProcess host([threads](const ChildProcess::Tell& tell) {
      std::promise<Pool*> made;
      const std::shared_future<Pool*> pool = made.get_future().share();
      std::promise<int> thrown;
      std::future<int> error_of_callback = thrown.get_future();
      PoolOptions traced = options(1);
      traced.threads = threads;
      traced.trace = "/dev/full";
      traced.on_log = [pool](const std::string& message) {
        if (message.find("/dev/full") == std::string::npos) return;
        pool.get()->terminate();
        if (pool.get()->join(patience)) throw 5;
      };
      Pool used(std::move(traced));
      used.on_callback_error([&thrown](const std::exception_ptr& error) {
        try {
          std::rethrow_exception(error);
        } catch (int value) {
          thrown.set_value(value);
        }
      });
      made.set_value(&used);
      while (!threads && error_of_callback.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        used.handle_result_event();
      }
      tell(std::to_string(error_of_callback.get()));
    });
    EXPECT_EQ(host.lines(), (std::vector<std::string>{"5"}));
    EXPECT_EQ(host.exit_code(), 0);
  }
}

TEST_P(PoolTrace, APipeThatNobodyReadsIsRefusedAndNotWaitedFor) {
  const tasks::Gate folder;
  const std::string file = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  PoolOptions traced = options(1);
  traced.trace = file;
  EXPECT_THROW(Pool pool(std::move(traced)), std::invalid_argument);
}

}  // namespace
}  // namespace procpool::testing
