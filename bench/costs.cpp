// SPDX-License-Identifier: MIT
// What a job costs in allocations, counted in the host and in its worker: figures that do not depend on how
// busy the machine is. For glibc, whose malloc a program may replace.
#include <procpool/procpool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ranges>
#include <string>
#include <vector>

extern "C" {
void* __libc_malloc(std::size_t size);                 // NOLINT: glibc's name
void* __libc_realloc(void* memory, std::size_t size);  // NOLINT
}

namespace {

std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> allocated{0};

void count(std::size_t size) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated.fetch_add(static_cast<std::int64_t>(size), std::memory_order_relaxed);
}

int next(int value) {
  return value + 1;
}
std::string echo(std::string text) {
  return text;
}
std::int64_t allocations_so_far() {
  return allocations;
}

constexpr int jobs = 200'000;

/// Runs `work`, which is `jobs` jobs, once to warm up and once to count.
template <class Work>
void report(procpool::Pool& pool, const char* what, Work work) {
  work();
  const std::int64_t worker = pool.apply(allocations_so_far);
  const std::int64_t host = allocations;
  const std::int64_t bytes = allocated;
  work();
  const auto per_job = [](std::int64_t total) { return static_cast<double>(total) / jobs; };
  const double host_per_job = per_job(allocations - host);
  const double bytes_per_job = per_job(allocated - bytes);
  std::printf("%-38s %8.3f %10.1f %10.3f\n", what, host_per_job, bytes_per_job,
              per_job(pool.apply(allocations_so_far) - worker));
}

template <class F, class Argument>
void submit_then_get(procpool::Pool& pool, F& task, const Argument& argument) {
  std::vector<decltype(pool.apply_async(task, argument))> handles;
  handles.reserve(jobs);
  for (int i = 0; i < jobs; ++i) handles.push_back(pool.apply_async(task, argument));
  for (const auto& handle : handles) handle.get();
}

}  // namespace

extern "C" void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}
extern "C" void* realloc(void* memory, std::size_t size) {
  count(size);
  return __libc_realloc(memory, size);
}

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  procpool::Pool pool({.processes = 1});
  const auto items = std::views::iota(0, jobs);
  std::printf("%-38s %8s %10s %10s\n", "per job", "host", "asks for", "worker");
  report(pool, "map of an int", [&] { pool.map(next, items); });
  report(pool, "map of an int, chunksize 1000", [&] { pool.map(next, items, 1000); });
  report(pool, "imap of an int", [&] {
    for (const int result : pool.imap(next, items)) static_cast<void>(result);
  });
  report(pool, "apply of an int", [&] {
    for (const int item : items) pool.apply(next, item);
  });
  report(pool, "apply_async of an int", [&] { submit_then_get(pool, next, 1); });
  report(pool, "apply_async of a string of 100 bytes",
         [&] { submit_then_get(pool, echo, std::string(100, 'x')); });
}
