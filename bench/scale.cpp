// SPDX-License-Identifier: MIT
// What a job costs as everything grows: with the jobs that wait, the workers, the threads that submit and the
// items of an imap. Prints tables; the arguments name those that are
// wanted, of workers, threads, imap and jobs. `small` does it quickly, to see that it runs.
// For Linux, where /proc tells the memory of a process, and glibc, which tells what is allocated.
#include <procpool/procpool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <ranges>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Handles = std::vector<procpool::ApplyResult<int>>;

/// In memory that workers share: while it is closed, they wait in wait_at_gate().
std::atomic<bool>* gate_open;

int next(int x) {
  return x + 1;
}
int wait_at_gate() {
  while (!gate_open->load()) std::this_thread::sleep_for(50us);
  return 0;
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// What is allocated, in bytes.
std::size_t heap() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// A figure in kB from a file of lines "Name:  123 kB"; 0 without it.
std::size_t kilobytes(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    std::size_t value = 0;
    if (word == name && file >> value) return value;
  }
  return 0;
}
std::size_t resident_kilobytes() {
  return kilobytes("/proc/self/status", "VmRSS:");
}

/// The CPU time of the main thread of a process so far.
double cpu_ns(procpool::Pid pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
  double ns = 0;
  file >> ns;
  return ns;
}
double own_cpu_ns() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

/// While it is there, all workers are busy, so that whatever is submitted waits.
class ClosedGate {
 public:
  explicit ClosedGate(procpool::Pool& pool) {
    gate_open->store(false);
    for (std::size_t i = 0; i < pool.size(); ++i) waiting_.push_back(pool.apply_async(wait_at_gate));
    for (const auto& one : waiting_) {
      while (!one.accepted()) std::this_thread::sleep_for(100us);
    }
  }
  ~ClosedGate() { open(); }
  ClosedGate(const ClosedGate&) = delete;
  ClosedGate& operator=(const ClosedGate&) = delete;

  void open() const { gate_open->store(true); }
  /// Until all workers have seen that.
  void wait() const {
    for (const auto& one : waiting_) one.get();
  }

 private:
  Handles waiting_;
};

/// A pool in which every worker is up. Forked, so that the gate is shared.
procpool::Pool pool_of(std::size_t workers) {
  ::malloc_trim(0);
  procpool::Pool pool({.processes = workers, .backend = procpool::Backend::fork});
  const ClosedGate gate(pool);
  gate.open();
  gate.wait();
  return pool;
}

void submit(procpool::Pool& pool, Handles& handles, int first, int end) {
  for (int i = first; i < end; ++i) handles.push_back(pool.apply_async(next, i));
}
void collect(const Handles& handles, int first) {
  for (const auto& handle : handles) expect(handle.get() == ++first, "a job");
}

// --- the tables

struct Waiting {
  double submit_ns, run_ns, bytes, map_ns, map_bytes;
};

/// All figures per job.
Waiting let_wait(int count) {
  Waiting figures{};
  procpool::Pool pool = pool_of(2);
  Handles handles;
  handles.reserve(static_cast<std::size_t>(count));
  const auto bytes_since = [count](std::size_t before) {
    return (static_cast<double>(heap()) - static_cast<double>(before)) / count;
  };
  {
    const ClosedGate gate(pool);
    const std::size_t before = heap();
    const auto submitted = Clock::now();
    submit(pool, handles, 0, count);
    figures.submit_ns = ns_since(submitted) / count;
    figures.bytes = bytes_since(before);
    const auto opened = Clock::now();
    gate.open();
    collect(handles, 0);
    figures.run_ns = ns_since(opened) / count;
    handles = {};
    gate.wait();
  }
  const ClosedGate gate(pool);
  const std::size_t before = heap();
  const auto submitted = Clock::now();
  auto mapped = pool.map_async(next, std::views::iota(0, count), {.chunksize = 1});
  figures.map_bytes = bytes_since(before);
  gate.open();
  expect(mapped.get().back() == count, "a map");
  figures.map_ns = ns_since(submitted) / count;
  return figures;
}

void jobs_that_wait(const std::vector<int>& counts) {
  std::printf("Jobs that wait, 2 workers: all are submitted while the workers are busy, then run.\n\n");
  std::printf(
      "| jobs | submit, ns a job | run and collect, ns a job | bytes a job | map, ns an item | bytes an item "
      "|\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const int count : counts) {
    std::vector<Waiting> rounds;
    for (int i = 0; i < (count <= 100'000 ? 9 : 1); ++i) rounds.push_back(let_wait(count));
    const auto median = [&rounds](double Waiting::*field) {
      std::ranges::sort(rounds, {}, field);
      return rounds[rounds.size() / 2].*field;
    };
    std::printf("| %d | %.0f | %.0f | %.0f | %.0f | %.0f |\n", count, median(&Waiting::submit_ns),
                median(&Waiting::run_ns), median(&Waiting::bytes), median(&Waiting::map_ns),
                median(&Waiting::map_bytes));
    std::fflush(stdout);
  }
  std::printf("\nAn argument and a result of 4 bytes are part of these; a handle has %zu more.\n\n",
              sizeof(procpool::ApplyResult<int>));
}

void workers(const std::vector<std::size_t>& counts, int jobs, std::chrono::milliseconds idle) {
  std::printf("Workers on %u CPUs, no-ops:\n\n", std::thread::hardware_concurrency());
  std::printf(
      "| workers | all up after, ms | map, chunksize 1, ns a job | apply_async, ns a job | apply, us | idle "
      "CPU, us "
      "a second: host | a worker | PSS of a worker, kB | of the host, kB |\n");
  std::printf("|---|---|---|---|---|---|---|---|---|\n");
  for (const std::size_t count : counts) {
    const auto start = Clock::now();
    procpool::Pool pool = pool_of(count);
    const double up_ms = ns_since(start) / 1e6;
    const auto map_start = Clock::now();
    expect(pool.map(next, std::views::iota(0, jobs), 1).back() == jobs, "a map");
    const double map_ns = ns_since(map_start) / jobs;
    Handles handles;
    handles.reserve(static_cast<std::size_t>(jobs));
    const auto submit_start = Clock::now();
    submit(pool, handles, 0, jobs);
    collect(handles, 0);
    const double submit_ns = ns_since(submit_start) / jobs;
    handles = {};
    const int calls = std::max(1, jobs / 20);
    const auto call_start = Clock::now();
    for (int i = 0; i < calls; ++i) expect(pool.apply(next, i) == i + 1, "a call");
    const double call_us = ns_since(call_start) / 1e3 / calls;

    std::this_thread::sleep_for(idle);  // the host looks now and then for a second after the last job
    const auto pids = pool.worker_pids();
    const auto all_cpu_ns = [&pids] {
      double sum = 0;
      for (const procpool::Pid pid : pids) sum += cpu_ns(pid);
      return sum;
    };
    const double workers_before = all_cpu_ns();
    const double host_before = own_cpu_ns();
    const auto idle_start = Clock::now();
    std::this_thread::sleep_for(idle);
    const double seconds = ns_since(idle_start) / 1e9;
    const double host_us = (own_cpu_ns() - host_before) / 1e3 / seconds;
    const double worker_us = (all_cpu_ns() - workers_before) / 1e3 / seconds / static_cast<double>(count);
    std::size_t pss = 0;
    for (const procpool::Pid pid : pids)
      pss += kilobytes("/proc/" + std::to_string(pid) + "/smaps_rollup", "Pss:");
    std::printf("| %zu | %.1f | %.0f | %.0f | %.1f | %.0f | %.1f | %zu | %zu |\n", count, up_ms, map_ns,
                submit_ns, call_us, host_us, worker_us, pss / count,
                kilobytes("/proc/self/smaps_rollup", "Pss:"));
    std::fflush(stdout);
  }
  std::printf("\n");
}

/// Calls `part(first, end)` on each of so many threads, which share `jobs`; returns ns a job, of all
/// together.
template <class Part>
double on_threads(int threads, int jobs, Part part) {
  std::atomic<bool> go{false};
  std::vector<std::thread> all;
  const int share = jobs / threads;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      while (!go.load()) std::this_thread::yield();
      part(i * share, (i + 1) * share);
    });
  }
  const auto start = Clock::now();
  go.store(true);
  for (std::thread& thread : all) thread.join();
  return ns_since(start) / (share * threads);
}

void threads_that_submit(int jobs) {
  std::printf("Threads that submit, 2 workers, no-ops; all threads together:\n\n");
  std::printf("| threads | apply_async and get, ns a job | apply, ns a job |\n|---|---|---|\n");
  for (const int threads : {1, 2, 4, 16}) {
    procpool::Pool pool = pool_of(2);
    const double submit_ns = on_threads(threads, jobs, [&pool](int first, int end) {
      Handles handles;
      handles.reserve(static_cast<std::size_t>(end - first));
      submit(pool, handles, first, end);
      collect(handles, first);
    });
    const double apply_ns = on_threads(threads, std::max(16, jobs / 10), [&pool](int first, int end) {
      for (int i = first; i < end; ++i) expect(pool.apply(next, i) == i + 1, "a call");
    });
    std::printf("| %d | %.0f | %.0f |\n", threads, submit_ns, apply_ns);
    std::fflush(stdout);
  }
  std::printf("\n");
}

void items_of_an_imap(int items) {
  std::printf(
      "An imap over %d items, 2 workers:\n\n| | ns an item | resident, kB: before | after a tenth | at most "
      "|\n",
      items);
  std::printf("|---|---|---|---|---|\n");
  const auto measure = [items](const char* name, auto&& results) {
    const std::size_t before = resident_kilobytes();
    std::size_t after_a_tenth = 0;
    std::size_t most = 0;
    int count = 0;
    std::int64_t sum = 0;
    const auto start = Clock::now();
    for (const int result : results) {
      sum += result;
      if (++count == items / 10) after_a_tenth = resident_kilobytes();
      if (count % std::max(1, items / 50) == 0) most = std::max(most, resident_kilobytes());
    }
    const double ns = ns_since(start) / items;
    expect(count == items && sum == std::int64_t{items} * (items + 1) / 2, "an imap");
    std::printf("| %s | %.0f | %zu | %zu | %zu |\n", name, ns, before, after_a_tenth, most);
    std::fflush(stdout);
  };
  procpool::Pool pool = pool_of(2);
  measure("imap", pool.imap(next, std::views::iota(0, items)));
  measure("imap_unordered", pool.imap_unordered(next, std::views::iota(0, items)));
  measure("imap, chunksize 100", pool.imap(next, std::views::iota(0, items), 100));
  std::printf("\n");
}

/// 10 million jobs take some 3 GB.
bool memory_for_ten_million() {
  return kilobytes("/proc/meminfo", "MemAvailable:") > std::size_t{6} << 20;
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  void* const shared =
      ::mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect(shared != MAP_FAILED, "mmap");
  gate_open = new (shared) std::atomic<bool>(true);
  const std::set<std::string> asked(argv + 1, argv + argc);
  const bool small = asked.contains("small");
  const auto wants = [&](const char* table) {
    return asked.size() == (small ? 1 : 0) || asked.contains(table);
  };
  // What makes the heap large comes last: a fork of a large heap is dear, and its pages are copied when they
  // change.
  if (wants("workers")) {
    workers(small ? std::vector<std::size_t>{1, 2, 8} : std::vector<std::size_t>{1, 2, 8, 64, 256},
            small ? 2000 : 200'000, small ? 20ms : 2000ms);
  }
  if (wants("threads")) threads_that_submit(small ? 4000 : 200'000);
  if (wants("imap")) items_of_an_imap(small ? 10'000 : 10'000'000);
  if (wants("jobs")) {
    std::vector<int> counts = {100, 1000};
    if (!small) counts = {1000, 10'000, 100'000, 1'000'000};
    if (!small && memory_for_ten_million()) counts.push_back(10'000'000);
    jobs_that_wait(counts);
  }
}
