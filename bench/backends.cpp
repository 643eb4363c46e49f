// SPDX-License-Identifier: MIT
// What the backends cost, side by side with a bare socketpair in the same run: time to the first result,
// round trip and throughput of a task that does nothing, how long after its limit a job that hangs is
// settled, and how soon a job is known to be lost whose worker was killed. Prints a table; the rounds are
// interleaved, and each figure is the median.
#include <procpool/procpool.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <ranges>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

int next(int x) {
  return x + 1;
}

int spin(int) {
  for (volatile unsigned long count = 0;;) count = count + 1;
}

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

struct Figures {
  double first_result_us;
  double round_trip_us;
  double jobs_per_second;
  double overshoot_us;
  double loss_us;
};

constexpr int round_trips = 10'000;
constexpr int jobs = 500'000;
constexpr int kills = 15;
constexpr std::chrono::milliseconds limit{20};

/// A child that answers each int with its successor: what the kernel's cheapest two-way stream allows.
class EchoChild {
 public:
  EchoChild() {
    int ends[2];
    expect(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      int x = 0;
      while (::read(ends[1], &x, sizeof x) == sizeof x) {
        ++x;
        if (::write(ends[1], &x, sizeof x) != sizeof x) break;
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    fd_ = ends[0];
  }
  ~EchoChild() {
    ::close(fd_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  EchoChild(const EchoChild&) = delete;
  EchoChild& operator=(const EchoChild&) = delete;

  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  int call(int x) const {
    expect(::write(fd_, &x, sizeof x) == sizeof x && ::read(fd_, &x, sizeof x) == sizeof x, "echo");
    return x;
  }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
};

double median_round_trip(const std::function<int(int)>& call) {
  std::vector<double> times;
  for (int i = 0; i < round_trips; ++i) {
    const auto start = Clock::now();
    expect(call(i) == i + 1, "round trip");
    times.push_back(microseconds_since(start));
  }
  return median(std::move(times));
}

Figures measure_socketpair() {
  Figures figures{};
  const auto start = Clock::now();
  const EchoChild child;
  expect(child.call(1) == 2, "first");
  figures.first_result_us = microseconds_since(start);
  figures.round_trip_us = median_round_trip([&](int x) { return child.call(x); });
  figures.jobs_per_second = 1e6 / figures.round_trip_us;  // one in flight
  std::vector<double> overshoots;
  std::vector<double> losses;
  for (int i = 0; i < kills; ++i) {
    EchoChild victim;
    const auto due = Clock::now() + limit;
    std::this_thread::sleep_until(due);
    const auto killed = Clock::now();
    victim.kill();
    overshoots.push_back(microseconds_since(due));
    losses.push_back(microseconds_since(killed));
  }
  figures.overshoot_us = median(std::move(overshoots));
  figures.loss_us = median(std::move(losses));
  return figures;
}

/// From the limit of a job to its error; the clock starts before the job does.
double median_overshoot(procpool::Pool& pool) {
  std::vector<double> times;
  for (int i = 0; i < kills; ++i) {
    expect(pool.apply(next, i) == i + 1, "before a limit");  // the worker is there
    const auto due = Clock::now() + limit;
    const auto handle = pool.apply_async(spin, std::tuple(i), {.timeout = limit});
    try {
      handle.get();
      expect(false, "a limit");
    } catch (const procpool::TimeLimitExceeded&) {
      times.push_back(microseconds_since(due));
    }
  }
  return median(std::move(times));
}

/// From the kill of a busy worker to the error of its job.
double median_loss(procpool::Pool& pool) {
  std::vector<double> times;
  for (int i = 0; i < kills; ++i) {
    const auto handle = pool.apply_async(spin, i);
    while (!handle.accepted()) std::this_thread::yield();
    const auto start = Clock::now();
    ::kill(handle.worker_pids().at(0), SIGKILL);
    try {
      handle.get();
      expect(false, "a loss");
    } catch (const procpool::WorkerLostError&) {
      times.push_back(microseconds_since(start));
    }
  }
  return median(std::move(times));
}

Figures measure_pool(procpool::Backend backend) {
  Figures figures{};
  const auto start = Clock::now();
  procpool::Pool pool({.processes = 1, .backend = backend});
  expect(pool.apply(next, 1) == 2, "first");
  figures.first_result_us = microseconds_since(start);
  figures.round_trip_us = median_round_trip([&](int x) { return pool.apply(next, x); });
  const auto begin = Clock::now();
  const std::vector<int> results = pool.map(next, std::views::iota(0, jobs), 1);
  expect(results.back() == jobs, "map");
  figures.jobs_per_second = jobs / microseconds_since(begin) * 1e6;
  figures.overshoot_us = median_overshoot(pool);
  figures.loss_us = median_loss(pool);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  const std::vector<std::pair<std::string, std::function<Figures()>>> subjects = {
      {"socketpair", measure_socketpair},
      {"fork", [] { return measure_pool(procpool::Backend::fork); }},
      {"forkserver", [] { return measure_pool(procpool::Backend::forkserver); }},
      {"spawn", [] { return measure_pool(procpool::Backend::spawn); }},
  };
  std::map<std::string, std::vector<Figures>> all;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [name, measure] : subjects) all[name].push_back(measure());
  }
  const auto pick = [&all](const std::string& name, double Figures::*field) {
    std::vector<double> values;
    for (const Figures& figures : all[name]) values.push_back(figures.*field);
    return median(std::move(values));
  };
  std::printf("medians of %d interleaved rounds, 1 worker\n\n", rounds);
  std::printf(
      "| | first result, us | round trip p50, us | no-op jobs, M/s | round trips against socketpair | "
      "overshoot of a "
      "limit, us | told of a kill, us |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  const double base = pick("socketpair", &Figures::round_trip_us);
  for (const auto& [name, measure] : subjects) {
    const double round_trip = pick(name, &Figures::round_trip_us);
    std::printf("| %s | %.0f | %.2f | %.2f | %.2fx | %.0f | %.0f |\n", name.c_str(),
                pick(name, &Figures::first_result_us), round_trip,
                pick(name, &Figures::jobs_per_second) / 1e6, base / round_trip,
                pick(name, &Figures::overshoot_us), pick(name, &Figures::loss_us));
  }
}
