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
#include <ranges>
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

std::int64_t slow_next(std::int64_t x) {
  if (x % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return x + 1;
}

/// Makes the call, with another thread that waits for the same pool and serves it, as a rule: to wait beside
/// it needs memory. It runs short after each number of allocations, and comes back when the caller has left.
/// True if a caller has waited without.
template <class Call>
bool caller_waits_without_memory(const Call& call) {
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
      call(pool);
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

template <class Call>
bool some_caller_waits_without_memory(const Call& call) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (caller_waits_without_memory(call)) return true;
  }
  return false;
}

TEST(OutOfMemory, ACallerWhoseArgumentIsReadDoesNotLeaveBeforeTheCallHasSettled) {
  const std::string text(100'000, 't');
  EXPECT_TRUE(some_caller_waits_without_memory([&text](Pool& pool) { pool.apply(slow_size, text); }));
}

TEST(OutOfMemory, ACallerWhoseResultIsBeingWrittenDoesNotLeaveBeforeTheCallHasSettled) {
  EXPECT_TRUE(
      some_caller_waits_without_memory([](Pool& pool) { pool.apply(slow_text, std::size_t{600'000}); }));
}

TEST(OutOfMemory, ACallerWhoseNumbersAreBeingWrittenDoesNotLeaveBeforeTheMapHasSettled) {
  EXPECT_TRUE(some_caller_waits_without_memory(
      [](Pool& pool) { pool.map(slow_next, std::views::iota(std::int64_t{0}, std::int64_t{32})); }));
}

}  // namespace
}  // namespace procpool::testing
