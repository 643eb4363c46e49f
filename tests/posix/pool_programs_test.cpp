// SPDX-License-Identifier: MIT
// Programs that forget procpool::init, and workers that are another program than their host.
#include "helpers/tasks.hpp"
#include "posix/process_pool_test.hpp"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

class PoolPrograms : public ProcessPoolTest {};
PROCPOOL_ON_PROCESS_BACKENDS(PoolPrograms);

/// Runs a command, and returns what it prints.
std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run it";
  std::string text;
  char bytes[256];
  while (const std::size_t count = std::fread(bytes, 1, sizeof bytes, pipe)) text.append(bytes, count);
  ::pclose(pipe);
  return text;
}

TEST_P(PoolPrograms, WithoutInitOnlyForkWorksAndTheOthersSayWhatToAdd) {
  const std::string text = output_of(PROCPOOL_NO_INIT_PROGRAM " " + GetParam() + " never");
  if (GetParam() == "fork") {
    EXPECT_EQ(text, "result 3\n");
  } else {
    EXPECT_EQ(text.find("NotInitializedError"), 0U) << text;
    EXPECT_NE(text.find("procpool::init(argc, argv);"), std::string::npos) << text;
  }
}

TEST_P(PoolPrograms, AWorkerThatWouldMakeAPoolInsteadIsStoppedAndNeverMultiplies) {
  const std::string text = output_of(PROCPOOL_NO_INIT_PROGRAM " " + GetParam() + " host_only");
  if (GetParam() == "fork") {
    EXPECT_EQ(text, "result 3\n");
  } else {
    EXPECT_NE(text.find("NotInitializedError"), std::string::npos) << text;
    EXPECT_EQ(text.find("result"), std::string::npos) << text;
    EXPECT_LT(text.size(), 3000U) << text;  // one complaint of the worker's, and one of the host's
  }
}

TEST_P(PoolPrograms, AnotherProgramKnowsItsNamedTasksAndNoOthers) {
  if (GetParam() == "fork") GTEST_SKIP() << "its workers are copies of the host";
  PoolOptions with = options(2);
  with.worker_program = PROCPOOL_OTHER_WORKER_PROGRAM;
  Pool pool(std::move(with));
  EXPECT_EQ(pool.apply(named<int(int)>("other.twice"), 21), 42);
  const std::vector<int> items{1, 2, 3};
  EXPECT_EQ(pool.map(named<int(int)>("other.twice"), items, 2), (std::vector<int>{2, 4, 6}));
  // Of another build: its functions are not where ours are.
  const std::vector<Pid> workers = pool.worker_pids();
  try {
    pool.apply(tasks::add, 1, 2);
    FAIL() << "nothing was thrown";
  } catch (const TaskNotFoundError& error) {
    EXPECT_NE(std::string(error.what()).find("build id"), std::string::npos) << error.what();
  }
  EXPECT_THROW(pool.apply(named<int(int)>("nobody knows this"), 1), TaskNotFoundError);
  EXPECT_EQ(pool.worker_pids(), workers);
}

}  // namespace
}  // namespace procpool::testing
