// SPDX-License-Identifier: MIT
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <thread>
#include <vector>

namespace procpool::testing {

PoolOptions PoolTest::options(std::size_t processes) {
  PoolOptions made;
  made.processes = processes;
  if (in_memory()) {
    in_memory_ = std::make_shared<InMemoryBackend>();
    made.backend = in_memory_;
  } else if (GetParam() == "fork") {
    made.backend = Backend::fork;
  } else if (GetParam() == "forkserver") {
    made.backend = Backend::forkserver;
  } else {
    made.backend = Backend::spawn;
  }
  return made;
}

void PoolTest::kill_from_outside(Pid worker, int signum) const {
  if (in_memory()) {
    in_memory_->end_from_outside(in_memory::worker_of(worker), status_of_kill(signum));
  } else {
    ASSERT_TRUE(end_process(worker, signum));
  }
}

bool PoolTest::try_to_kill(Pid worker) const {
  if (!in_memory()) return end_process(worker, sigkill);
  in_memory_->end_from_outside(in_memory::worker_of(worker), status_of_kill(sigkill));
  return true;
}

bool becomes_true(const std::function<bool()>& condition) {
  const TimePoint give_up = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool comes_true_within_a_limit(const std::function<bool(std::chrono::milliseconds)>& attempt) {
  for (std::chrono::milliseconds limit(500); limit < patience; limit *= 4) {
    if (attempt(limit)) return true;
  }
  return false;
}

bool is_whole(Pool& pool, std::size_t count) {
  const bool back = becomes_true([&] { return pool.worker_pids().size() == count; });
  if (!back) return false;
  // Only as many workers as this can be held back at once.
  const tasks::Gate gate;
  std::vector<ApplyResult<int>> waiting;
  for (std::size_t i = 0; i < count; ++i) {
    waiting.push_back(pool.apply_async(tasks::wait_at, gate.path(), static_cast<int>(i)));
  }
  const bool all_run = gate.reached(count);
  gate.open();
  for (std::size_t i = 0; i < count; ++i) {
    if (waiting[i].get(patience) != static_cast<int>(i)) return false;
  }
  return all_run;
}

bool PoolTest::is_dead(Pid worker) const {
  if (!in_memory()) return tasks::is_gone(worker);
  const std::vector<WorkerId> alive = in_memory_->alive();
  return std::find(alive.begin(), alive.end(), in_memory::worker_of(worker)) == alive.end();
}

std::vector<std::string> all_backends() {
  std::vector<std::string> names = process_backends();
  names.emplace_back("in_memory");
  return names;
}

std::string backend_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

}  // namespace procpool::testing
