// SPDX-License-Identifier: MIT
/// \file
/// RunCounts: how often each of many jobs was begun, counted by the workers themselves and kept even if they
/// are killed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace procpool::testing {

/// A file of counters that host and workers map. The host makes it and reads; each worker calls open() first,
/// for instance as its initializer.
class RunCounts {
 public:
  explicit RunCounts(std::size_t jobs);
  ~RunCounts();
  RunCounts(const RunCounts&) = delete;
  RunCounts& operator=(const RunCounts&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint32_t runs(std::uint32_t job) const;

  // --- in a worker

  static void open(std::string path);
  static void add(std::uint32_t job);

 private:
  std::string path_;
  std::size_t bytes_;
  std::uint32_t* counters_;
};

}  // namespace procpool::testing
