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

/// Of two that wait one serves, and the other needs memory to wait.
TEST(OutOfMemory, ACallerWhoseArgumentIsReadDoesNotLeaveBeforeTheCallHasSettled) {
  const std::string text(100'000, 't');
  bool reached = true;
  for (std::uint32_t before = 0; reached; ++before) {
    gate = false;
    PoolOptions with;
    with.processes = 2;
    with.backend = std::make_shared<InMemoryBackend>();
    Pool pool(std::move(with));
    std::thread other([&] { EXPECT_EQ(pool.apply(wait_at_gate), 0); });
    while (pool.stats().running == 0) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // by then it waits, as a rule

    memory_shortage() = {true, before, UINT32_MAX};
    try {
      EXPECT_EQ(pool.apply(slow_size, text), text.size());
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
}

}  // namespace
}  // namespace procpool::testing
