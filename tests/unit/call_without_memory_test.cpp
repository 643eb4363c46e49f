// SPDX-License-Identifier: MIT
// A caller whose thread runs out of memory while it waits.
#include "helpers/in_memory_backend.hpp"
#include "unit/memory_shortage.hpp"

#include <procpool/procpool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

std::atomic<bool> gate{false};

int wait_at_gate() {
  gate.wait(false);
  return 0;
}
std::size_t slow_size(const std::string& text) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return text.size();
}
std::string slow_text(std::size_t size) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return std::string(size, 't');
}

/// Calls, with another thread that waits for the same pool and serves it, as a rule: to wait beside it needs
/// memory. It runs short after each number of allocations, and comes back when the caller has left. True if a
/// caller has waited without.
template <class F, class A>
bool caller_waits_without_memory(F task, const A& argument) {
  bool has_waited = false;
  bool reached = true;
  for (std::uint32_t before = 0; reached; ++before) {
    gate = false;
    PoolOptions with;
    with.processes = 2;
    with.backend = std::make_shared<InMemoryBackend>();
    Pool pool(std::move(with));
    std::thread other([&] { EXPECT_EQ(pool.apply(wait_at_gate), 0); });
    while (pool.stats().running == 0) std::this_thread::yield();

    memory_shortage() = {true, before, UINT32_MAX};
    try {
      static_cast<void>(pool.apply(task, argument));
      has_waited = has_waited || memory_shortage().allocations_that_fail != UINT32_MAX;
    } catch (const std::bad_alloc&) {
    }
    reached = memory_shortage().allocations_before == 0;
    memory_shortage() = {};
    const PoolStats stats = pool.stats();
    EXPECT_EQ(stats.queued + stats.running, 1U) << "no memory after " << before << " allocations";
    gate = true;
    gate.notify_all();
    other.join();
  }
  return has_waited;
}

template <class F, class A>
bool some_caller_waits_without_memory(F task, const A& argument) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (caller_waits_without_memory(task, argument)) return true;
  }
  return false;
}

TEST(OutOfMemory, ACallerWhoseArgumentIsReadDoesNotLeaveBeforeTheCallHasSettled) {
  EXPECT_TRUE(some_caller_waits_without_memory(slow_size, std::string(100'000, 't')));
}

TEST(OutOfMemory, ACallerWhoseResultIsBeingWrittenDoesNotLeaveBeforeTheCallHasSettled) {
  EXPECT_TRUE(some_caller_waits_without_memory(slow_text, std::size_t{600'000}));
}

}  // namespace
}  // namespace procpool::testing
