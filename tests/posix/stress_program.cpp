// SPDX-License-Identifier: MIT
// A great many jobs of every kind, with limits, cancelled, terminated and discarded, while workers are killed
// at random and recycled and the pool grows, shrinks and restarts: each handle must settle once, with the
// right verdict.
//
//   procpool_stress [JOBS] [fork|forkserver|spawn] [SEED]
#include "helpers/random.hpp"
#include "helpers/run_counts.hpp"
#include "helpers/sanitizers.hpp"

#include <procpool/procpool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <signal.h>

namespace {

using namespace procpool;
using namespace std::chrono_literals;
using procpool::testing::Random;
using procpool::testing::RunCounts;

constexpr std::size_t submitters = 4;
constexpr std::size_t window = 2000;  // handles that each of them keeps open
constexpr std::chrono::seconds patience{120};
/// An allocation that fails ends the program under a sanitizer.
constexpr bool limits_memory =
    !procpool::testing::under_address_sanitizer && !procpool::testing::under_thread_sanitizer;

// What a job does; the rare ones cost their worker or some milliseconds.
enum class Kind : std::uint8_t {
  quick,
  quick_with_limits,
  throws,
  crashes,
  exits,
  overruns,
  asked_to_stop,
  cleans_up,
  eats_memory,
  terminated,
  count_
};
constexpr std::array<const char*, static_cast<std::size_t>(Kind::count_)> kind_names = {
    "quick",         "quick with limits", "throws",      "crashes",   "exits", "overruns its limit",
    "asked to stop", "cleans up",         "eats memory", "terminated"};

enum class Verdict : std::uint8_t {
  value,
  wrong_value,
  invalid_argument,
  lost_by_kill,
  lost_by_crash,
  lost_by_exit,
  time_limit,
  soft_limit,
  memory_limit,
  terminated,
  another,
  count_
};
constexpr std::array<const char*, static_cast<std::size_t>(Verdict::count_)> verdict_names = {
    "value", "wrong value", "exception", "killed",  "crashed", "exited",
    "time",  "soft",        "memory",    "stopped", "another"};

Kind kind_of(std::uint32_t job, std::uint32_t seed) {
  Random random(job * 31 + seed);
  const std::uint32_t dice = random.below(10'000);
  if (dice < 2) return limits_memory ? Kind::eats_memory : Kind::quick;
  if (dice < 5) return Kind::crashes;
  if (dice < 8) return Kind::exits;
  if (dice < 11) return Kind::overruns;
  if (dice < 14) return Kind::asked_to_stop;
  if (dice < 17) return Kind::cleans_up;
  if (dice < 20) return Kind::terminated;
  if (dice < 220) return Kind::throws;
  return dice < 2000 ? Kind::quick_with_limits : Kind::quick;
}

std::uint32_t value_of(std::uint32_t job) {
  return job * 2654435761U;
}

std::uint32_t run(std::uint32_t job, Kind kind) {
  RunCounts::add(job);
  switch (kind) {
    case Kind::throws:
      throw std::invalid_argument(std::to_string(job));
    case Kind::crashes:
      std::raise(SIGSEGV);
      break;
    case Kind::exits:
      std::exit(7);
    case Kind::overruns:
    case Kind::terminated:
      for (;;) std::this_thread::sleep_for(1s);
    case Kind::asked_to_stop:
      this_task::sleep_for(1h);
      break;
    case Kind::cleans_up:
      try {
        this_task::sleep_for(1h);
      } catch (const SoftTimeLimitExceeded&) {
      }
      break;
    case Kind::eats_memory: {
      std::vector<std::unique_ptr<char[]>> all;
      for (;;) all.emplace_back(new char[1 << 20]());
    }
    default:
      break;
  }
  return value_of(job);
}

CallOptions<std::uint32_t> options_of(Kind kind) {
  switch (kind) {
    case Kind::quick_with_limits:
      return {.soft_timeout = 60s, .timeout = 90s};
    case Kind::overruns:
      return {.timeout = 3ms};
    case Kind::asked_to_stop:
    case Kind::cleans_up:
      return {.soft_timeout = 3ms};
    default:
      return {};
  }
}

Verdict verdict_of(const std::exception_ptr& error, std::uint32_t job) {
  try {
    std::rethrow_exception(error);
  } catch (const WorkerLostError& lost) {
    if (lost.exit_status() == ExitStatus::from_signal(SIGKILL)) return Verdict::lost_by_kill;
    if (lost.exit_status() == ExitStatus::from_signal(SIGSEGV)) return Verdict::lost_by_crash;
    return lost.exit_status() == ExitStatus::from_code(7) ? Verdict::lost_by_exit : Verdict::another;
  } catch (const TimeLimitExceeded&) {
    return Verdict::time_limit;
  } catch (const SoftTimeLimitExceeded&) {
    return Verdict::soft_limit;
  } catch (const MemoryLimitExceeded&) {
    return Verdict::memory_limit;
  } catch (const Terminated&) {
    return Verdict::terminated;
  } catch (const std::invalid_argument& thrown) {
    return thrown.what() == std::to_string(job) ? Verdict::invalid_argument : Verdict::another;
  } catch (...) {
    return Verdict::another;
  }
}

/// What becomes of a job of this kind that nobody stops.
Verdict natural_end(Kind kind) {
  switch (kind) {
    case Kind::throws:
      return Verdict::invalid_argument;
    case Kind::crashes:
      return Verdict::lost_by_crash;
    case Kind::exits:
      return Verdict::lost_by_exit;
    case Kind::overruns:
      return Verdict::time_limit;
    case Kind::asked_to_stop:
      return Verdict::soft_limit;
    case Kind::eats_memory:
      return Verdict::memory_limit;
    case Kind::terminated:
      return Verdict::terminated;
    default:
      return Verdict::value;
  }
}

enum class Stopped : std::uint8_t { no, cancelled, discarded, terminated };

struct Open {
  std::uint32_t job;
  Kind kind;
  Stopped stopped;
  ApplyResult<std::uint32_t> handle;
};

class Stress {
 public:
  Stress(std::uint32_t jobs, Backend backend, std::uint32_t seed)
      : jobs_(jobs), seed_(seed), counts_(jobs), callbacks_(jobs), pool_(options(backend)) {}

  /// True if everything was right.
  bool run_all();

 private:
  PoolOptions options(Backend backend) const;
  void submit(std::size_t submitter);
  void stop_some(Open& open, Random& random) const;
  void judge(const Open& open);
  void complain(const Open& open, Verdict verdict, const char* what);
  void kill_workers();
  void resize();
  void let_it_work() const;
  bool report(std::chrono::duration<double> time);

  const std::uint32_t jobs_;
  const std::uint32_t seed_;
  const RunCounts counts_;
  std::vector<std::atomic<std::uint8_t>> callbacks_;
  std::array<std::array<std::atomic<std::uint32_t>, static_cast<std::size_t>(Verdict::count_)>,
             static_cast<std::size_t>(Kind::count_)>
      verdicts_{};
  std::atomic<std::uint32_t> stopped_{0};
  std::atomic<std::uint32_t> wrong_{0};
  std::atomic<std::uint32_t> kills_{0};
  std::atomic<std::uint32_t> resizes_{0};
  std::atomic<bool> done_{false};
  Pool pool_;
};

PoolOptions Stress::options(Backend backend) const {
  PoolOptions made;
  made.processes = 3;
  made.backend = backend;
  made.initializer = task(RunCounts::open, counts_.path());
  made.max_tasks_per_child = 20'000;
  made.max_restarts = 10'000'000;
  if (limits_memory) made.memory_limit = 64 * MiB;
  made.allow_restart = true;
  return made;
}

void Stress::submit(std::size_t submitter) {
  Random random(seed_ * 7 + static_cast<std::uint32_t>(submitter));
  std::vector<Open> open;
  for (auto job = static_cast<std::uint32_t>(submitter); job < jobs_; job += submitters) {
    const Kind kind = kind_of(job, seed_);
    CallOptions<std::uint32_t> with = options_of(kind);
    with.callback = [this, job](std::uint32_t) { ++callbacks_[job]; };
    with.error_callback = [this, job](const std::exception_ptr&) { ++callbacks_[job]; };
    open.push_back({job, kind, Stopped::no, pool_.apply_async(run, std::tuple(job, kind), std::move(with))});
    stop_some(open.back(), random);
    if (open.size() == window) {
      for (const Open& one : open) judge(one);
      open.clear();
    }
  }
  for (const Open& one : open) judge(one);
}

void Stress::stop_some(Open& open, Random& random) const {
  if (open.kind == Kind::terminated) {
    open.handle.terminate(SIGINT);
    open.stopped = Stopped::terminated;
  } else if (random.one_in(200)) {
    if (open.handle.cancel()) open.stopped = Stopped::cancelled;
  } else if (random.one_in(1000)) {
    open.handle.discard();
    open.stopped = Stopped::discarded;
  }
}

void Stress::judge(const Open& open) {
  Verdict verdict = Verdict::value;
  try {
    if (open.handle.get(patience) != value_of(open.job)) verdict = Verdict::wrong_value;
  } catch (...) {
    verdict = verdict_of(std::current_exception(), open.job);
  }
  ++verdicts_[static_cast<std::size_t>(open.kind)][static_cast<std::size_t>(verdict)];
  if (open.stopped != Stopped::no) ++stopped_;

  const std::uint32_t runs = counts_.runs(open.job);
  bool right = verdict == natural_end(open.kind) || verdict == Verdict::lost_by_kill;
  if (open.stopped == Stopped::cancelled) right = verdict == Verdict::terminated && runs == 0;
  // It may have settled before.
  if (open.stopped == Stopped::discarded) right = right || verdict == Verdict::terminated;
  if (!right) complain(open, verdict, "has the wrong verdict");
  if (runs > 1) complain(open, verdict, "was begun more than once");
  if (runs == 0 && verdict != Verdict::terminated && verdict != Verdict::lost_by_kill) {
    complain(open, verdict, "was never begun");
  }
}

void Stress::complain(const Open& open, Verdict verdict, const char* what) {
  if (++wrong_ > 20) return;
  std::printf("job %u (%s) %s: %s, begun %u times\n", open.job,
              kind_names[static_cast<std::size_t>(open.kind)], what,
              verdict_names[static_cast<std::size_t>(verdict)], counts_.runs(open.job));
}

/// Until the pool has answered another job: workers may take longer to start than they are let live, and
/// nothing would ever be done.
void Stress::let_it_work() const {
  const std::uint64_t before = pool_.stats().done;
  while (!done_ && pool_.stats().done == before) std::this_thread::sleep_for(1ms);
}

void Stress::kill_workers() {
  Random random(seed_);
  while (!done_) {
    if (random.one_in(2)) let_it_work();
    const std::vector<Pid> workers = pool_.worker_pids();
    if (!workers.empty() &&
        ::kill(workers[random.below(static_cast<std::uint32_t>(workers.size()))], SIGKILL) == 0) {
      ++kills_;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500 + random.below(8000)));
  }
}

void Stress::resize() {
  Random random(seed_ + 1);
  std::size_t extra = 0;
  while (!done_) {
    let_it_work();
    if (random.one_in(8)) {
      pool_.restart();
    } else if (extra == 0 || (extra < 3 && random.one_in(2))) {
      pool_.grow(1);
      ++extra;
    } else {
      pool_.shrink(1);
      --extra;
    }
    ++resizes_;
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random.below(20)));
  }
  pool_.shrink(extra);
}

bool Stress::run_all() {
  const TimePoint begin = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < submitters; ++i) threads.emplace_back([this, i] { submit(i); });
  std::thread killer([this] { kill_workers(); });
  std::thread resizer([this] { resize(); });
  for (std::thread& thread : threads) thread.join();
  done_ = true;
  killer.join();
  resizer.join();
  const auto time = Clock::now() - begin;

  const TimePoint give_up = Clock::now() + patience;
  while (pool_.worker_pids().size() != 3 && Clock::now() < give_up) std::this_thread::sleep_for(1ms);
  if (pool_.worker_pids().size() != 3) {
    ++wrong_;
    std::printf("the pool has %zu workers in place of 3\n", pool_.worker_pids().size());
  }
  pool_.close();
  if (!pool_.join(patience)) {
    ++wrong_;
    std::printf("the pool does not end\n");
  }
  return report(time);
}

bool Stress::report(std::chrono::duration<double> time) {
  std::uint32_t settled = 0;
  std::uint32_t by_kill = 0;
  std::printf("%-20s", "");
  for (const char* name : verdict_names) std::printf("%10s", name);
  std::printf("\n");
  for (std::size_t kind = 0; kind < kind_names.size(); ++kind) {
    std::printf("%-20s", kind_names[kind]);
    for (std::size_t verdict = 0; verdict < verdict_names.size(); ++verdict) {
      const std::uint32_t count = verdicts_[kind][verdict];
      std::printf("%10u", count);
      settled += count;
      if (static_cast<Verdict>(verdict) == Verdict::lost_by_kill) by_kill += count;
    }
    std::printf("\n");
  }
  for (std::uint32_t job = 0; job < jobs_; ++job) {
    if (callbacks_[job] == 1) continue;
    if (++wrong_ <= 20) std::printf("job %u had %d callbacks\n", job, int{callbacks_[job]});
  }
  if (settled != jobs_ || by_kill > kills_) ++wrong_;
  std::printf(
      "%u of %u jobs settled in %.1f s; %u stopped by the host, %u kills of workers (%u cost a job), %u "
      "resizes "
      "and restarts, %llu workers replaced; %u wrong\n",
      settled, jobs_, time.count(), stopped_.load(), kills_.load(), by_kill, resizes_.load(),
      static_cast<unsigned long long>(pool_.stats().restarts), wrong_.load());
  return wrong_ == 0;
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  const unsigned long jobs = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  const std::string name = argc > 2 ? argv[2] : "fork";
  const unsigned long seed = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
  if (jobs == 0 || jobs > 100'000'000 || (name != "fork" && name != "forkserver" && name != "spawn")) {
    std::fprintf(stderr, "usage: procpool_stress [JOBS] [fork|forkserver|spawn] [SEED]\n");
    return 2;
  }
  const Backend backend = name == "fork"         ? Backend::fork
                          : name == "forkserver" ? Backend::forkserver
                                                 : Backend::spawn;
  Stress stress(static_cast<std::uint32_t>(jobs), backend, static_cast<std::uint32_t>(seed));
  return stress.run_all() ? 0 : 1;
}
