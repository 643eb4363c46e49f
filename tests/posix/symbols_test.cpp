// SPDX-License-Identifier: MIT
// Names of functions in files that a worker has named: what the files hold, and what kind they are, may be
// anything.
#include "crash/symbols.hpp"

#include "helpers/random.hpp"
#include "helpers/sanitizers.hpp"
#include "posix/surroundings.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace procpool::testing {
namespace {

namespace fs = std::filesystem;
using detail::CrashRecord;
using detail::find_symbols;

class Symbols : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "procpool-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::ifstream library(PROCPOOL_TASK_LIBRARY, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(library), {});
    ASSERT_GT(bytes_.size(), 1000U);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return (folder_ / "image.so").string(); }
  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }

  /// Identified by the file itself, so that its contents matter.
  [[nodiscard]] CrashRecord::Image image() const {
    struct stat status {};
    ::stat(path().c_str(), &status);
    CrashRecord::Image made;
    made.path = path();
    made.device = std::uint64_t{major(status.st_dev)} << 32U | minor(status.st_dev);
    made.inode = status.st_ino;
    return made;
  }
  /// So many offsets that every function of the library has one.
  [[nodiscard]] static std::vector<std::string> names(const CrashRecord::Image& image) {
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t offset = 0; offset < 0x3000; offset += 4) offsets.push_back(offset);
    std::vector<std::string> found;
    for (const auto& symbol : find_symbols(image, offsets)) found.push_back(symbol.name);
    EXPECT_EQ(found.size(), offsets.size());
    return found;
  }
  [[nodiscard]] static bool names_the_function(const std::vector<std::string>& found) {
    return std::find(found.begin(), found.end(), "library_task") != found.end();
  }

  [[nodiscard]] static bool demangles_the_long_name(const std::vector<std::string>& found) {
    const std::string name =
        "library_of_tasks_for_tests::function_with_a_long_name_for_tests_of_what_is_demangled_and_what_is_"
        "not";
    return std::find(found.begin(), found.end(), name + "(int)") != found.end();
  }

  fs::path folder_;
  std::string bytes_;
};

TEST_F(Symbols, AreFoundInTheFileThatTheWorkerHad) {
  write(bytes_);
  EXPECT_TRUE(names_the_function(names(image())));
}

TEST_F(Symbols, OfAnotherFileOrAnotherBuildAreNotTaken) {
  write(bytes_);
  CrashRecord::Image other = image();
  ++other.inode;
  EXPECT_FALSE(names_the_function(names(other)));
  other = image();
  other.build_id = "another";
  EXPECT_FALSE(names_the_function(names(other)));
}

TEST_F(Symbols, AreDemangledIfShortOrInAFileThatThisProcessRunsToo) {
  if (const auto reason = no_shared_libraries(); !reason.empty()) GTEST_SKIP() << reason;
  write(bytes_);
  EXPECT_FALSE(demangles_the_long_name(names(image())));
  void* const loaded = ::dlopen(path().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(loaded, nullptr) << ::dlerror();
  EXPECT_TRUE(demangles_the_long_name(names(image())));
  ::dlclose(loaded);
}

TEST_F(Symbols, WithNamesThatBecomeHugeStayAsTheyAre) {
  // A pointer to a function that takes three pointers to a function that takes three pointers...
  std::string hostile = "_Z1fPFvvE";
  for (const char last : {'0', '2', '4', '6', '8', 'A', 'C', 'E', 'G', 'I', 'K', 'M', 'O', 'Q', 'S', 'U'}) {
    const std::string pointer = {'S', last, '_'};
    hostile += "PFv" + pointer + pointer + pointer + 'E';
  }
  EXPECT_EQ(detail::function_name(hostile, false), hostile);
  EXPECT_LT(detail::function_name(hostile.substr(0, 9 + 6 * 13), false).size(), 30'000U);
  EXPECT_EQ(detail::function_name("_Z1fPFvvE", false), "f(void (*)())");
}

TEST_F(Symbols, OfAnythingButARegularFileAreNotReadNorWaitedFor) {
  CrashRecord::Image made = image();
  for (const char* const name : {"/dev/zero", "/dev/full", "/", "", "/nowhere"}) {
    made.path = name;
    EXPECT_FALSE(names_the_function(names(made))) << name;
  }
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_FALSE(names_the_function(names(image())));
}

TEST_F(Symbols, OfAFileThatWasCutShortAreNotThereAndDoNoHarm) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{64}, bytes_.size() / 2}) {
    write(bytes_.substr(0, size));
    EXPECT_FALSE(names_the_function(names(image()))) << size;
  }
}

TEST_F(Symbols, OfAFileFullOfNoiseDoNoHarm) {
  Random random(3);
  for (int round = 0; round < (under_sanitizer ? 60 : 300); ++round) {
    std::string noisy = bytes_;
    for (int i = 0; i < 20; ++i) {
      // The header, the table of segments behind it, or the sections at the end.
      const auto size = static_cast<std::uint32_t>(noisy.size());
      const std::uint32_t at =
          random.one_in(2) ? random.below(512) : size - 1 - random.below(std::min(size, 8000U));
      noisy[at] = static_cast<char>(random());
    }
    noisy.replace(0, 16, bytes_, 0, 16);
    write(noisy);
    static_cast<void>(names(image()));
  }
}

}  // namespace
}  // namespace procpool::testing
