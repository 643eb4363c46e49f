// SPDX-License-Identifier: MIT
/// \file
/// What all measured programs in C++ have in common, procpool's too: what they are given, and how they tell a
/// rate. bench/README.md says what the workloads are.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace peers {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string workload;
  std::int64_t n = 1000;
  std::size_t workers = 2;
};

inline Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--workload") arguments.workload = argv[i + 1];
    if (name == "--n") arguments.n = std::stoll(argv[i + 1]);
    if (name == "--workers") arguments.workers = std::stoul(argv[i + 1]);
  }
  return arguments;
}

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

inline void print_rate(Clock::time_point start, std::int64_t n, std::int64_t checksum) {
  std::printf("{\"seconds\": %.6f, \"n\": %lld, \"checksum\": %lld}\n", ms_since(start) / 1e3,
              static_cast<long long>(n), static_cast<long long>(checksum));
}

constexpr std::size_t payload_size = std::size_t{8} << 20;
constexpr std::size_t payload_block = 4096;

template <class Byte>
std::vector<Byte> payload_of(std::size_t variant) {
  std::vector<Byte> bytes(payload_size);
  for (std::size_t block = 0; block < payload_size / payload_block; ++block) {
    std::memset(bytes.data() + block * payload_block, static_cast<int>((block * 7 + variant * 13) % 256),
                payload_block);
  }
  return bytes;
}

/// $PEERBENCH_HEAP_MIB, or else 1 GiB, of which every page has been written.
inline std::unique_ptr<char[]> large_heap() {
  constexpr std::size_t smallest_page = 4096;
  const char* const mib = std::getenv("PEERBENCH_HEAP_MIB");
  const std::size_t size = (mib == nullptr ? std::size_t{1024} : std::stoul(mib)) << 20U;
  std::unique_ptr<char[]> heap(new char[size]);
  volatile char* const touched = heap.get();
  for (std::size_t at = 0; at < size; at += smallest_page) touched[at] = static_cast<char>(at >> 12U);
  return heap;
}

/// The lengths of `n` tasks, in ns, of the file that $PEERBENCH_DURATIONS names.
inline std::vector<std::int64_t> durations_ns(std::int64_t n) {
  const char* path = std::getenv("PEERBENCH_DURATIONS");
  if (path == nullptr) throw std::invalid_argument("PEERBENCH_DURATIONS names no file of durations");
  std::ifstream file(path);
  std::vector<std::int64_t> durations;
  for (std::int64_t ns = 0; static_cast<std::int64_t>(durations.size()) < n && file >> ns;)
    durations.push_back(ns);
  if (static_cast<std::int64_t>(durations.size()) < n) throw std::invalid_argument("too few durations");
  return durations;
}

}  // namespace peers
