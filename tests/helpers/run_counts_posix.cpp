// SPDX-License-Identifier: MIT
#include "helpers/run_counts.hpp"

#include <cerrno>
#include <filesystem>
#include <random>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::uint32_t* map_file(int file, std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) fail("mmap");
  return static_cast<std::uint32_t*>(memory);
}

/// A worker's own mapping; unmapped when the thread that plays it ends.
struct Mapping {
  std::uint32_t* counters = nullptr;
  std::size_t bytes = 0;
  ~Mapping() {
    if (counters != nullptr) ::munmap(counters, bytes);
  }
};
thread_local Mapping own;

}  // namespace

RunCounts::RunCounts(std::size_t jobs) : bytes_(jobs * sizeof(std::uint32_t)) {
  std::random_device random;
  path_ = (std::filesystem::temp_directory_path() /
           ("procpool-counts-" + std::to_string(random()) + std::to_string(random())))
              .string();
  const int file = ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) fail("open");
  if (::ftruncate(file, static_cast<off_t>(bytes_)) != 0) fail("ftruncate");
  counters_ = map_file(file, bytes_);
}

RunCounts::~RunCounts() {
  ::munmap(counters_, bytes_);
  ::unlink(path_.c_str());
}

std::uint32_t RunCounts::runs(std::uint32_t job) const {
  return std::atomic_ref(counters_[job]).load();
}

void RunCounts::open(std::string path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0) fail("open");
  own.bytes = static_cast<std::size_t>(info.st_size);
  own.counters = map_file(file, own.bytes);
}

void RunCounts::add(std::uint32_t job) {
  std::atomic_ref(own.counters[job]).fetch_add(1);
}

}  // namespace procpool::testing
