// SPDX-License-Identifier: MIT
#include "helpers/run_counts.hpp"
#include "helpers/win32_process.hpp"

#include <filesystem>
#include <map>
#include <mutex>
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

// What a thread may have of its own must need no destructor: MinGW calls those of a thread when the memory of
// its variables is gone already (GCC bug 80816). So a worker process keeps its mapping to its end, and a
// worker that is a thread uses the host's.
thread_local std::uint32_t* own = nullptr;

struct InThisProcess {
  std::mutex mutex;
  std::map<std::string, std::uint32_t*> counters;  // by path
};
InThisProcess& in_this_process() {
  static InThisProcess all;
  return all;
}

}  // namespace

RunCounts::RunCounts(std::size_t jobs) : bytes_(jobs * sizeof(std::uint32_t)) {
  std::random_device random;
  path_ = (std::filesystem::temp_directory_path() /
           ("procpool-counts-" + std::to_string(random()) + std::to_string(random())))
              .string();
  counters_ = map_file(path_, CREATE_NEW, bytes_);
  const std::lock_guard lock(in_this_process().mutex);
  in_this_process().counters[path_] = counters_;
}

RunCounts::~RunCounts() {
  {
    const std::lock_guard lock(in_this_process().mutex);
    in_this_process().counters.erase(path_);
  }
  ::UnmapViewOfFile(counters_);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::uint32_t RunCounts::runs(std::uint32_t job) const {
  return std::atomic_ref(counters_[job]).load();
}

void RunCounts::open(std::string path) {
  const std::lock_guard lock(in_this_process().mutex);
  const auto found = in_this_process().counters.find(path);
  own = found != in_this_process().counters.end() ? found->second : map_file(path, OPEN_EXISTING, 0);
}

void RunCounts::add(std::uint32_t job) {
  std::atomic_ref(own[job]).fetch_add(1);
}

}  // namespace procpool::testing
