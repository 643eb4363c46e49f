// SPDX-License-Identifier: MIT
// Many jobs from many threads while workers are killed at random: every handle settles once with the truth.
#include "conformance/pool_test.hpp"
#include "helpers/random.hpp"
#include "helpers/run_counts.hpp"
#include "helpers/sanitizers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <ranges>
#include <thread>
#include <vector>

namespace procpool::testing {
namespace {

class Stress : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Stress);

/// Killed workers of the in-memory backend keep their threads and memory, 11 MB of addresses each, to the end
/// of the pool.
constexpr bool few_addresses = sizeof(void*) < 8;

int count_and_return(std::uint32_t job) {
  RunCounts::add(job);
  // A few of them take long enough to be killed within.
  if (job % 64 == 0) {
    const TimePoint end = Clock::now() + std::chrono::microseconds(300);
    while (Clock::now() < end) in_memory::check_alive();
  }
  return static_cast<int>(job);
}

int count_at_once(std::uint32_t job) {
  RunCounts::add(job);
  return static_cast<int>(job);
}

std::vector<std::uint8_t> count_and_echo(std::uint32_t job, std::vector<std::uint8_t> bytes) {
  RunCounts::add(job);
  return bytes;
}

/// How long to wait between kills: long enough for workers to start where that takes long, and where a kill
/// looks like an exit, so that many in a row while they start are taken for a crash loop.
std::chrono::microseconds time_between_kills(std::chrono::microseconds wanted) {
  const bool patient = in_an_emulator() || reason_of_kill() == WorkerLostError::Reason::exited;
  return patient ? std::max<std::chrono::microseconds>(wanted, std::chrono::milliseconds(150)) : wanted;
}

/// Those that have answered a job.
std::vector<Pid> proven_workers(const Pool& pool) {
  std::vector<Pid> pids;
  for (const WorkerStats& worker : pool.stats().workers) {
    if (worker.jobs != 0) pids.push_back(worker.pid);
  }
  return pids;
}

/// Kills a worker of the pool now and then, until it is told to stop.
class Killer {
 public:
  Killer(const PoolTest& test, Pool& pool, std::chrono::microseconds pause)
      : test_(test), thread_([this, &test, &pool, pause = time_between_kills(pause)] {
          // Workers may take longer to start than they are let live, on a busy machine, and nothing would
          // ever be done; where a kill looks like an exit, that is a crash loop. So one that has started
          // comes in between, and works for as long as there was none.
          bool only_proven = false;
          TimePoint last_kill = Clock::now();
          Random random(1);
          while (!done_) {
            const std::vector<Pid> workers = only_proven ? proven_workers(pool) : pool.worker_pids();
            if (only_proven && !workers.empty()) std::this_thread::sleep_for(Clock::now() - last_kill);
            const Pid victim = workers.empty() ? 0 : workers[random() % workers.size()];
            if (victim != 0 && test.try_to_kill(victim)) {
              victims_.push_back(victim);
              last_kill = Clock::now();
              only_proven = !only_proven;
            }
            std::this_thread::sleep_for(pause * (1 + random() % 4));
          }
        }) {}
  ~Killer() { stop(); }
  /// How many it has killed. All of them are dead: none claims a job any more.
  int stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    for (; looked_at_ != victims_.size(); ++looked_at_) {
      EXPECT_TRUE(becomes_true([&] { return test_.is_dead(victims_[looked_at_]); }));
    }
    return static_cast<int>(victims_.size());
  }

 private:
  const PoolTest& test_;
  std::atomic<bool> done_{false};
  std::vector<Pid> victims_;
  std::size_t looked_at_ = 0;
  std::thread thread_;
};

TEST_P(Stress, JobsOfEightThreadsSurviveRandomKillsAndNoneRunsTwice) {
  constexpr std::uint32_t threads = 8;
  constexpr std::uint32_t each = under_sanitizer ? 1'000 : 10'000;
  const RunCounts counts(threads * each);
  PoolOptions with = options(3);
  with.initializer = task(RunCounts::open, counts.path());
  with.max_restarts = 1'000'000;
  Pool pool(std::move(with));
  std::atomic<std::uint32_t> done{0};
  std::atomic<std::uint32_t> lost{0};
  std::atomic<std::uint32_t> wrong{0};
  {
    Killer killer(*this, pool, std::chrono::milliseconds(5));
    std::vector<std::thread> submitters;
    for (std::uint32_t thread = 0; thread < threads; ++thread) {
      submitters.emplace_back([&, thread] {
        try {
          std::vector<ApplyResult<int>> handles;
          for (std::uint32_t i = 0; i < each; ++i) {
            handles.push_back(pool.apply_async(count_and_return, thread * each + i));
            if (i % 1000 == 999) static_cast<void>(handles[i / 2].wait(patience));
          }
          for (std::uint32_t i = 0; i < each; ++i) {
            const std::uint32_t job = thread * each + i;
            try {
              const bool right = handles[i].get(patience) == static_cast<int>(job) && counts.runs(job) == 1;
              ++(right ? done : wrong);
            } catch (const WorkerLostError& error) {
              const bool killed = error.exit_status() == status_of_kill(sigkill);
              ++(killed && counts.runs(job) <= 1 ? lost : wrong);
            }
          }
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      });
    }
    for (std::thread& submitter : submitters) submitter.join();
    const int kills = killer.stop();
    EXPECT_LE(lost, static_cast<std::uint32_t>(kills));
    EXPECT_GT(kills, 0);
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(done + lost, threads * each);
  EXPECT_TRUE(is_whole(pool, 3));
}

TEST_P(Stress, MapsOfFastItemsSurviveRandomKillsAndNoItemRunsTwice) {
  constexpr std::uint32_t each = under_sanitizer ? 5'000 : 50'000;
  constexpr std::uint32_t maps = 8;
  const RunCounts counts(maps * each);
  PoolOptions with = options(3);
  with.initializer = task(RunCounts::open, counts.path());
  with.max_restarts = 1'000'000;
  Pool pool(std::move(with));
  Killer killer(*this, pool, std::chrono::milliseconds(few_addresses || under_sanitizer ? 50 : 2));
  std::uint32_t failed = 0;
  for (std::uint32_t round = 0; round < maps; ++round) {
    const auto items = std::views::iota(round * each, (round + 1) * each);
    const auto handle = pool.map_async(count_at_once, items);
    try {
      const std::vector<int> results = handle.get(patience);
      EXPECT_TRUE(
          std::equal(results.begin(), results.end(), items.begin(), items.end(),
                     [](int result, std::uint32_t item) { return result == static_cast<int>(item); }));
    } catch (const WorkerLostError& error) {
      EXPECT_EQ(error.exit_status(), status_of_kill(sigkill));
      ++failed;
    }
  }
  const auto kills = static_cast<std::uint64_t>(killer.stop());
  const std::uint64_t lost = pool.stats().lost;
  EXPECT_LE(lost, kills) << "one item at most with each worker";
  EXPECT_LE(failed, lost);
  std::uint64_t never = 0;
  for (std::uint32_t item = 0; item < maps * each; ++item) {
    ASSERT_LE(counts.runs(item), 1U) << item;
    never += counts.runs(item) == 0 ? 1 : 0;
  }
  EXPECT_LE(never, lost);
  EXPECT_TRUE(is_whole(pool, 3));
}

TEST_P(Stress, LargeMessagesSurviveRandomKills) {
  constexpr std::uint32_t jobs = under_sanitizer ? 20 : 50;
  const RunCounts counts(jobs);
  PoolOptions with = options(3);
  with.initializer = task(RunCounts::open, counts.path());
  with.max_restarts = 1'000'000;
  Pool pool(std::move(with));
  std::vector<ApplyResult<std::vector<std::uint8_t>>> handles;
  Killer killer(*this, pool, std::chrono::milliseconds(few_addresses ? 50 : 5));
  for (std::uint32_t job = 0; job < jobs; ++job) {
    handles.push_back(pool.apply_async(count_and_echo, job, tasks::bytes(job % 3 * 1'000'000 + job, job)));
  }
  std::uint32_t lost = 0;
  for (std::uint32_t job = 0; job < jobs; ++job) {
    try {
      ASSERT_EQ(handles[job].get(patience), tasks::bytes(job % 3 * 1'000'000 + job, job));
      EXPECT_EQ(counts.runs(job), 1U);
    } catch (const WorkerLostError&) {
      ++lost;
      EXPECT_LE(counts.runs(job), 1U);
    }
  }
  EXPECT_LE(lost, static_cast<std::uint32_t>(killer.stop()));
  EXPECT_TRUE(is_whole(pool, 3));
}

TEST_P(Stress, PoolsThatEndWhileWorkersAreKilledSettleEverything) {
  for (int round = 0; round < (under_sanitizer ? 4 : 10); ++round) {
    std::vector<ApplyResult<int>> handles;
    {
      PoolOptions with = options(2);
      with.max_restarts = 1'000'000;
      Pool pool(std::move(with));
      Killer killer(*this, pool, std::chrono::milliseconds(4));
      for (int i = 0; i < 2000; ++i) handles.push_back(pool.apply_async(tasks::square, i));
      static_cast<void>(handles[static_cast<std::size_t>(round) * 100].wait(patience));
      if (round % 2 == 0) {
        pool.close();
        pool.join();
      }
      killer.stop();
    }
    for (int i = 0; i < 2000; ++i) {
      const auto& handle = handles[static_cast<std::size_t>(i)];
      ASSERT_TRUE(handle.ready());
      try {
        EXPECT_EQ(handle.get(), i * i);
      } catch (const WorkerLostError&) {
      } catch (const Terminated&) {
        EXPECT_NE(round % 2, 0);
      }
    }
  }
}

}  // namespace
}  // namespace procpool::testing
