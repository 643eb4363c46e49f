// SPDX-License-Identifier: MIT
// Tasks in a DLL that the host has loaded, and workers not yet.
#include "helpers/tasks.hpp"
#include "win32/child_program.hpp"

#include <procpool/procpool.hpp>

#include <cstring>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using Function = int (*)(int);

/// A copy of the DLL for each test.
class WindowsTaskLibrary : public ::testing::Test {
 protected:
  WindowsTaskLibrary() { std::filesystem::copy_file(beside("procpool_task_library_3.dll"), library_); }
  ~WindowsTaskLibrary() override {
    if (module_ != nullptr) ::FreeLibrary(module_);
  }

  [[nodiscard]] std::string library() const { return library_.string(); }
  Function load(const char* name) {
    module_ = ::LoadLibraryW(library_.c_str());
    Function function = nullptr;
    if (module_ == nullptr) return function;
    const auto address = ::GetProcAddress(module_, name);
    static_assert(sizeof address == sizeof function);
    std::memcpy(&function, &address, sizeof function);
    return function;
  }
  void unload() {
    ::FreeLibrary(module_);
    module_ = nullptr;
  }
  /// A DLL that is loaded cannot be deleted, and can be renamed.
  void move_away() { std::filesystem::rename(library_, std::filesystem::path(gate_.path()) / "old.dll"); }
  void replace_by_another_build() {
    move_away();
    std::filesystem::copy_file(beside("procpool_task_library_4.dll"), library_);
  }

 private:
  tasks::Gate gate_;  // for its folder
  std::filesystem::path library_ = std::filesystem::path(gate_.path()) / "library.dll";
  HMODULE module_ = nullptr;
};

TEST_F(WindowsTaskLibrary, ItsFunctionsRunInWorkersThatWereThereBeforeIt) {
  Pool pool(1);
  ASSERT_EQ(pool.apply(tasks::add, 1, 2), 3);
  const Function function = load("library_task");
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(pool.apply(function, 14), 42);
}

TEST_F(WindowsTaskLibrary, ItsFunctionsRunWhereverItLiesInTheHost) {
  // Takes the place that the linker has meant for the copy, which workers have free.
  const HMODULE original = ::LoadLibraryA(beside("procpool_task_library_3.dll").c_str());
  Pool pool(1);
  const Function function = load("library_task");
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(pool.apply(function, 14), 42);
  ::FreeLibrary(original);
}

TEST_F(WindowsTaskLibrary, AnotherBuildOfItInTheWorkerIsRefusedByName) {
  Pool pool(1);
  const Function function = load("library_task");
  ASSERT_NE(function, nullptr);
  replace_by_another_build();
  try {
    pool.apply(function, 14);
    FAIL() << "the other build was called";
  } catch (const TaskNotFoundError& error) {
    EXPECT_NE(std::string(error.what()).find("another build of " + library()), std::string::npos)
        << error.what();
  }
}

TEST_F(WindowsTaskLibrary, ItsAbsenceInTheWorkerIsNamed) {
  Pool pool(1);
  const Function function = load("library_task");
  ASSERT_NE(function, nullptr);
  move_away();
  try {
    pool.apply(function, 14);
    FAIL() << "a DLL that is not there was called";
  } catch (const TaskNotFoundError& error) {
    EXPECT_NE(std::string(error.what()).find(library()), std::string::npos) << error.what();
  }
}

TEST_F(WindowsTaskLibrary, ItStaysLoadedOnceATaskIsInIt) {
  Pool pool(1);
  const Function function = load("library_task");
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(pool.apply(function, 2), 6);
  unload();
  EXPECT_EQ(function(2), 6);
}

TEST_F(WindowsTaskLibrary, ACrashInItIsToldWithItsPath) {
  Pool pool(1);
  const Function function = load("library_crash");
  ASSERT_NE(function, nullptr);
  try {
    pool.apply(function, 1);
    FAIL() << "nothing was thrown";
  } catch (const WorkerLostError& error) {
    ASSERT_FALSE(error.stack().empty());
    EXPECT_EQ(error.stack()[0].image, library());
  }
}

}  // namespace
}  // namespace procpool::testing
