// SPDX-License-Identifier: MIT
// How programs and their workers find each other on Windows.
#include "helpers/tasks.hpp"
#include "win32/child_program.hpp"

#include <procpool/procpool.hpp>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

std::string variable(std::string name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "(unset)";
}
TEST(WindowsSurroundings, TheDefaultBackendIsSpawn) {
  Pool pool({.processes = 1});
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST(WindowsSurroundings, BackendsThatForkAreRefusedByName) {
  for (const Backend backend : {Backend::fork, Backend::forkserver}) {
    PoolOptions options;
    options.processes = 1;
    options.backend = backend;
    try {
      Pool pool(options);
      FAIL() << "nothing was thrown";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("backend"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("Windows"), std::string::npos) << error.what();
    }
  }
}

TEST(WindowsSurroundings, AProgramWithoutInitIsToldWhatToAdd) {
  ChildProgram program(beside("procpool_no_init_program.exe"));
  std::string text = program.line();
  EXPECT_EQ(text.rfind("NotInitializedError: ", 0), 0U) << text;
  text += program.line();
  EXPECT_NE(text.find("procpool::init(argc, argv);"), std::string::npos) << text;
}

TEST(WindowsSurroundings, AProgramMayBeginWithWmainAndItsWorkersPrint) {
  ChildProgram program(beside("procpool_wide_program.exe"));
  EXPECT_EQ(program.line(), "in a worker") << "which prints where the program does";
  EXPECT_EQ(program.line(), "42 of 1");
}

TEST(WindowsSurroundings, AWorkerProgramWithoutInitIsAnErrorOfTheConstructor) {
  PoolOptions options;
  options.processes = 1;
  options.worker_program = beside("procpool_no_init_program.exe");
  EXPECT_THROW(Pool{options}, NotInitializedError);
}

TEST(WindowsSurroundings, AWorkerProgramThatIsNoProgramIsToldAsSuch) {
  // A DOS header that leads to one of a program, which says nothing more.
  std::string bytes(1024, '\0');
  bytes.replace(0, 2, "MZ");
  bytes[0x3c] = 64;
  bytes.replace(64, 2, "PE");
  const tasks::Gate folder;
  PoolOptions options;
  options.processes = 1;
  options.worker_program = folder.path() + "/none.exe";
  std::ofstream(options.worker_program, std::ios::binary) << bytes << std::flush;
  try {
    const Pool pool(options);
    FAIL() << "a pool of workers that cannot be";
  } catch (const SpawnError& error) {
    EXPECT_EQ(error.code(), std::errc::executable_format_error) << error.what();
  }
}

TEST(WindowsSurroundings, VariablesAreReplacedWhateverTheirCase) {
  ASSERT_EQ(::_putenv_s("Procpool_Test_Case", "host"), 0);
  PoolOptions options;
  options.processes = 1;
  options.environment = {{"PROCPOOL_TEST_CASE", "worker"}};
  Pool pool(options);
  EXPECT_EQ(pool.apply(variable, "procpool_test_case"), "worker");
  ::_putenv_s("Procpool_Test_Case", "");
}

TEST(WindowsSurroundings, WorkersInheritNothingOfTheHostsPools) {
  Pool first(1);
  const int alone = first.apply(count_own_handles);
  std::vector<Pool> others;
  for (int i = 0; i < 5; ++i) others.emplace_back(1);
  // Each pool has some ten handles in the host.
  EXPECT_LE(others.back().apply(count_own_handles), alone + 3);
}

TEST(WindowsSurroundings, WorkersInheritNothingThatTheProgramHasMadeInheritable) {
  const int alone = Pool(1).apply(count_own_handles);
  std::vector<Handle> events;
  for (int i = 0; i < 20; ++i) {
    SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
    events.emplace_back(::CreateEventW(&inheritable, TRUE, FALSE, nullptr));
  }
  EXPECT_LE(Pool(1).apply(count_own_handles), alone + 3);
}

}  // namespace
}  // namespace procpool::testing
