// SPDX-License-Identifier: MIT
// procpool as one peer of a suite that gives the same work to many pools: runs one workload and prints its
// figures as one line of JSON. bench/README.md tells what each workload is.
#include "peers/measuring.hpp"

#include <procpool/procpool.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace peers;
using Bytes = std::vector<std::uint8_t>;

// --- the tasks

std::int64_t next(std::int64_t value) {
  return value + 1;
}
std::int64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}
std::int64_t spin(std::pair<std::int64_t, std::int64_t> index_and_ns) {
  const auto end = Clock::now() + std::chrono::nanoseconds(index_and_ns.second);
  while (Clock::now() < end) {
  }
  return index_and_ns.first + 1;
}
std::int64_t spin_cpu(std::pair<std::int64_t, std::int64_t> index_and_ns) {
  const std::int64_t end = thread_cpu_ns() + index_and_ns.second;
  while (thread_cpu_ns() < end) {
  }
  return index_and_ns.first + 1;
}
Bytes echo(Bytes bytes) {
  return bytes;
}
int kill_own_worker() {
  return std::raise(SIGKILL);
}
int sleep_for_a_second() {
  std::this_thread::sleep_for(1s);
  return 0;
}
int sleep_for_long() {
  std::this_thread::sleep_for(30s);
  return 0;
}

/// A pool in which every worker has run a task.
std::unique_ptr<procpool::Pool> warm_pool(std::size_t workers) {
  auto pool = std::make_unique<procpool::Pool>(procpool::PoolOptions{.processes = workers});
  const std::int64_t per_worker = 64;
  pool->map(next, std::views::iota(std::int64_t{0}, static_cast<std::int64_t>(workers) * per_worker), 1);
  return pool;
}

// --- the workloads

void map_no_ops(const Arguments& arguments, std::optional<std::size_t> chunksize) {
  const auto pool = warm_pool(arguments.workers);
  const auto start = Clock::now();
  const auto results = pool->map(next, std::views::iota(std::int64_t{0}, arguments.n), chunksize);
  const std::int64_t sum = std::accumulate(results.begin(), results.end(), std::int64_t{0});
  print_rate(start, arguments.n, sum);
}
void noop_map(const Arguments& arguments) {
  map_no_ops(arguments, 1);
}
void noop_map_auto(const Arguments& arguments) {
  map_no_ops(arguments, std::nullopt);
}
void noop_map_chunk(const Arguments& arguments) {
  map_no_ops(arguments, 1000);
}

void noop_async(const Arguments& arguments) {
  const auto pool = warm_pool(arguments.workers);
  std::vector<procpool::ApplyResult<std::int64_t>> handles;
  handles.reserve(static_cast<std::size_t>(arguments.n));
  std::int64_t sum = 0;
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < arguments.n; ++i) handles.push_back(pool->apply_async(next, i));
  for (const auto& handle : handles) sum += handle.get();
  print_rate(start, arguments.n, sum);
}

void latency(const Arguments& arguments) {
  const auto pool = warm_pool(1);
  for (std::int64_t i = 0; i < 200; ++i) pool->apply(next, i);
  std::vector<double> us(static_cast<std::size_t>(arguments.n));
  std::int64_t sum = 0;
  std::int64_t i = 0;
  for (double& one : us) {
    const auto start = Clock::now();
    sum += pool->apply(next, i++);
    one = ms_since(start) * 1e3;
  }
  const double mean = std::accumulate(us.begin(), us.end(), 0.0) / static_cast<double>(us.size());
  std::sort(us.begin(), us.end());
  std::printf("{\"p50_us\": %.3f, \"p99_us\": %.3f, \"mean_us\": %.3f, \"n\": %zu, \"checksum\": %lld}\n",
              us[us.size() / 2], us[us.size() * 99 / 100], mean, us.size(), static_cast<long long>(sum));
}

void payload(const Arguments& arguments) {
  const Bytes sent[2] = {payload_of<std::uint8_t>(0), payload_of<std::uint8_t>(1)};
  const auto pool = warm_pool(1);
  for (std::size_t i = 0; i < 4; ++i) pool->apply(echo, sent[i % 2]);
  std::uint64_t sum = 0;
  Bytes got;
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < arguments.n; ++i) {
    got = pool->apply(echo, sent[i % 2]);
    for (std::size_t at = 0; at < got.size(); at += payload_block) sum += got[at];
  }
  const double seconds = ms_since(start) / 1e3;
  std::printf("{\"seconds\": %.6f, \"n\": %lld, \"bytes\": %zu, \"checksum\": %llu, \"same\": %s}\n", seconds,
              static_cast<long long>(arguments.n), payload_size, static_cast<unsigned long long>(sum),
              got == sent[(arguments.n - 1) % 2] ? "true" : "false");
}

void start_and_stop(const Arguments& arguments, const std::optional<procpool::BackendChoice>& backend) {
  std::vector<double> ready;
  std::vector<double> whole;
  for (std::int64_t i = 0; i <= arguments.n; ++i) {
    const auto start = Clock::now();
    {
      procpool::Pool pool({.processes = arguments.workers, .backend = backend});
      if (pool.apply(next, 41) != 42) throw std::logic_error("a wrong result");
      ready.push_back(ms_since(start));
      pool.close();
      pool.join();
    }
    whole.push_back(ms_since(start));
  }
  std::sort(whole.begin() + 1, whole.end());
  std::printf(
      "{\"ms\": %.4f, \"ready_ms\": %.4f, \"warm_ms\": %.4f, \"workers_seen\": %zu, \"checksum\": 42}\n",
      whole[0], ready[0], whole[whole.size() / 2], arguments.workers);
}
void startup(const Arguments& arguments) {
  start_and_stop(arguments, std::nullopt);
}
void startup_with_large_heap(const Arguments& arguments) {
  const auto heap = large_heap();
  start_and_stop(arguments, std::nullopt);
}
void startup_with_large_heap_by_forkserver(const Arguments& arguments) {
  const auto heap = large_heap();
  start_and_stop(arguments, procpool::Backend::forkserver);
}

void crash_recovery(const Arguments& arguments) {
  const auto pool = warm_pool(arguments.workers);
  bool told = false;
  const auto start = Clock::now();
  try {
    pool->apply(kill_own_worker);
  } catch (const procpool::WorkerLostError&) {
    told = true;
  }
  const double told_ms = ms_since(start);
  const auto next_start = Clock::now();
  const std::int64_t result = pool->apply(next, 41);
  std::printf(
      "{\"told_ms\": %.4f, \"told\": \"%s\", \"next_ms\": %.4f, \"pool\": \"goes on\", \"checksum\": %lld}\n",
      told_ms, told ? "WorkerLostError" : "never", ms_since(next_start), static_cast<long long>(result));
}

void hard_timeout(const Arguments& arguments) {
  const auto pool = warm_pool(arguments.workers);
  constexpr auto limit = 1s;
  auto handle = pool->apply_async(sleep_for_long, std::tuple{}, {.timeout = limit});
  const auto start = Clock::now();
  while (handle.worker_pids().empty()) std::this_thread::sleep_for(1ms);
  const procpool::Pid victim = handle.worker_pids().front();
  bool told = false;
  try {
    handle.get();
  } catch (const procpool::TimeLimitExceeded&) {
    told = true;
  }
  const double overshoot = ms_since(start) - 1000;
  const bool gone = ::kill(static_cast<pid_t>(victim), 0) != 0;
  const auto next_start = Clock::now();
  const std::int64_t result = pool->apply(next, 41);
  std::printf(
      "{\"overshoot_ms\": %.4f, \"told\": \"%s\", \"killed\": %s, \"next_ms\": %.4f, \"checksum\": %lld}\n",
      overshoot, told ? "TimeLimitExceeded" : "never", gone ? "true" : "false", ms_since(next_start),
      static_cast<long long>(result));
}

/// No-ops that are submitted behind a task of one second: until they are done.
void behind_long(const Arguments& arguments) {
  const auto pool = warm_pool(arguments.workers);
  std::vector<procpool::ApplyResult<std::int64_t>> handles;
  handles.reserve(static_cast<std::size_t>(arguments.n));
  std::int64_t sum = 0;
  const auto start = Clock::now();
  const auto slow = pool->apply_async(sleep_for_a_second);
  for (std::int64_t i = 0; i < arguments.n; ++i) handles.push_back(pool->apply_async(next, i));
  for (const auto& handle : handles) sum += handle.get();
  std::printf("{\"ms\": %.4f, \"n\": %lld, \"checksum\": %lld}\n", ms_since(start),
              static_cast<long long>(arguments.n), static_cast<long long>(sum));
  slow.get();
}

void mixed_tasks(const Arguments& arguments, std::int64_t (&task)(std::pair<std::int64_t, std::int64_t>)) {
  std::vector<std::pair<std::int64_t, std::int64_t>> items;
  for (const std::int64_t ns : durations_ns(arguments.n)) {
    items.emplace_back(static_cast<std::int64_t>(items.size()), ns);
  }
  const auto pool = warm_pool(arguments.workers);
  const auto start = Clock::now();
  const auto results = pool->map(task, items);
  print_rate(start, arguments.n, std::accumulate(results.begin(), results.end(), std::int64_t{0}));
}
void mixed(const Arguments& arguments) {
  mixed_tasks(arguments, spin);
}
void mixed_cpu(const Arguments& arguments) {
  mixed_tasks(arguments, spin_cpu);
}

void idle_memory(const Arguments& arguments) {
  const auto pool = warm_pool(arguments.workers);
  std::printf("READY {\"parent\": %d, \"workers\": [", getpid());
  const char* separator = "";
  for (const procpool::Pid pid : pool->worker_pids()) {
    std::printf("%s%lld", separator, static_cast<long long>(pid));
    separator = ", ";
  }
  std::printf("]}\n");
  std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);
  std::printf("{\"done\": true}\n");
}

void version(const Arguments&) {
  std::printf("{\"version\": \"procpool %d.%d.%d\"}\n", PROCPOOL_VERSION_MAJOR, PROCPOOL_VERSION_MINOR,
              PROCPOOL_VERSION_PATCH);
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  const std::map<std::string, void (*)(const Arguments&)> workloads = {
      {"version", version},
      {"noop_map", noop_map},
      {"noop_map_auto", noop_map_auto},
      {"noop_map_chunk", noop_map_chunk},
      {"noop_async", noop_async},
      {"latency", latency},
      {"latency_1cpu", latency},
      {"payload", payload},
      {"startup", startup},
      {"startup_1g", startup_with_large_heap},
      {"startup_1g_forkserver", startup_with_large_heap_by_forkserver},
      {"crash_recovery", crash_recovery},
      {"crash_recovery_w1", crash_recovery},
      {"hard_timeout", hard_timeout},
      {"behind_long", behind_long},
      {"mixed", mixed},
      {"mixed_cpu", mixed_cpu},
      {"idle_memory", idle_memory}};
  try {
    const Arguments arguments = parse(argc, argv);
    const auto found = workloads.find(arguments.workload);
    if (found == workloads.end()) {
      std::printf("{\"unsupported\": true, \"reason\": \"unknown workload\"}\n");
      return 0;
    }
    found->second(arguments);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "procpool_bench_peer_runner: %s\n", error.what());
    return 1;
  }
}
