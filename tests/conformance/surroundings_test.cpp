// SPDX-License-Identifier: MIT
// What workers find around them: their environment, their directory, their program.
#include "conformance/pool_test.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace procpool::testing {
namespace {

class Surroundings : public PoolTest {};
INSTANTIATE_TEST_SUITE_P(Pool, Surroundings, ::testing::ValuesIn(process_backends()), backend_name);

std::string variable(std::string name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "(unset)";
}
std::string directory() {
  return std::filesystem::current_path().string();
}
int twice(int x) {
  return 2 * x;
}
PROCPOOL_TASK("tests.twice", twice);

TEST_P(Surroundings, TheEnvironmentIsThatOfTheHostWithWhatWasSet) {
  const std::string path = variable("PATH");
  PoolOptions surrounded = options(2);
  surrounded.environment = {{"PROCPOOL_TEST_COLOUR", "green = #0f0"}, {"PROCPOOL_TEST_EMPTY", ""}};
  Pool pool(std::move(surrounded));
  EXPECT_EQ(pool.apply(variable, "PROCPOOL_TEST_COLOUR"), "green = #0f0");
  EXPECT_EQ(pool.apply(variable, "PROCPOOL_TEST_EMPTY"), "");
  EXPECT_EQ(pool.apply(variable, "PATH"), path);
  EXPECT_EQ(variable("PROCPOOL_TEST_COLOUR"), "(unset)");
  thrown_by<WorkerLostError>([&] { pool.apply(tasks::exit_with, 1); });
  ASSERT_TRUE(is_whole(pool, 2));
  const auto both = pool.map(variable, std::vector<std::string>(50, "PROCPOOL_TEST_COLOUR"));
  for (const std::string& value : both) EXPECT_EQ(value, "green = #0f0") << "a replacement too";
}

TEST_P(Surroundings, WorkersRunWhereTheyWereTold) {
  const std::string here = directory();
  const tasks::Gate folder;
  PoolOptions surrounded = options(1);
  surrounded.working_directory = folder.path();
  Pool pool(std::move(surrounded));
  EXPECT_TRUE(std::filesystem::equivalent(pool.apply(directory), folder.path()));
  EXPECT_EQ(directory(), here);
}

TEST_P(Surroundings, ADirectoryThatIsNotThereIsAnErrorOfTheConstructor) {
  PoolOptions surrounded = options(1);
  surrounded.working_directory = "/nonexistent/procpool";
  const auto error = thrown_by<SpawnError>([&] { Pool never(surrounded); });
  EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory) << error.what();
}

TEST_P(Surroundings, AWorkerProgramKnowsTasksByName) {
  PoolOptions surrounded = options(1);
  surrounded.worker_program = own_program();
  if (GetParam() == "fork") {
    const auto error = thrown_by<std::invalid_argument>([&] { Pool never(surrounded); });
    EXPECT_NE(std::string(error.what()).find("worker_program"), std::string::npos) << error.what();
    return;
  }
  Pool pool(std::move(surrounded));
  EXPECT_EQ(pool.apply(named<int(int)>("tests.twice"), 21), 42);
  thrown_by<TaskNotFoundError>([&] { pool.apply(named<int(int)>("tests.unheard_of"), 21); });
}

TEST_P(Surroundings, AWorkerProgramThatIsNotThereIsAnErrorOfTheConstructor) {
  if (GetParam() == "fork") GTEST_SKIP() << "it runs no program";
  PoolOptions surrounded = options(1);
  surrounded.worker_program = "/nonexistent/worker";
  thrown_by<SpawnError>([&] { Pool never(surrounded); });
}

}  // namespace
}  // namespace procpool::testing
