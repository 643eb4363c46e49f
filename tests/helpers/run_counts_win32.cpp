// SPDX-License-Identifier: MIT
#include "helpers/run_counts.hpp"
#include "helpers/win32_process.hpp"

#include <filesystem>
#include <random>
#include <system_error>

namespace procpool::testing {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), what);
}

/// `bytes` 0: as long as the file is.
std::uint32_t* map_file(const std::string& path, DWORD disposition, std::size_t bytes) {
  const Handle file(::CreateFileA(path.c_str(), GENERIC_READ | GENERIC_WRITE,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  disposition, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) fail("CreateFile");
  const Handle mapping(
      ::CreateFileMappingW(file.get(), nullptr, PAGE_READWRITE, 0, static_cast<DWORD>(bytes), nullptr));
  if (!mapping) fail("CreateFileMapping");
  void* memory = ::MapViewOfFile(mapping.get(), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
  if (memory == nullptr) fail("MapViewOfFile");
  return static_cast<std::uint32_t*>(memory);
}

/// A worker's own mapping; unmapped when the thread that plays it ends.
struct Mapping {
  std::uint32_t* counters = nullptr;
  ~Mapping() {
    if (counters != nullptr) ::UnmapViewOfFile(counters);
  }
};
thread_local Mapping own;

}  // namespace

RunCounts::RunCounts(std::size_t jobs) : bytes_(jobs * sizeof(std::uint32_t)) {
  std::random_device random;
  path_ = (std::filesystem::temp_directory_path() /
           ("procpool-counts-" + std::to_string(random()) + std::to_string(random())))
              .string();
  counters_ = map_file(path_, CREATE_NEW, bytes_);
}

RunCounts::~RunCounts() {
  ::UnmapViewOfFile(counters_);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::uint32_t RunCounts::runs(std::uint32_t job) const {
  return std::atomic_ref(counters_[job]).load();
}

void RunCounts::open(std::string path) {
  own.counters = map_file(path, OPEN_EXISTING, 0);
}

void RunCounts::add(std::uint32_t job) {
  std::atomic_ref(own.counters[job]).fetch_add(1);
}

}  // namespace procpool::testing
