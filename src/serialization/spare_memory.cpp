// SPDX-License-Identifier: MIT
#include "spare_memory.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

namespace procpool::detail {

namespace {

/// At the start of a block that is kept.
struct Kept {
  std::size_t size;
};

constinit std::array<std::atomic<Kept*>, 2> places{};
constinit std::atomic<bool> keeping{true};

}  // namespace

SpareMemory take_spare_memory(std::size_t size) noexcept {
  if (size < smallest_spare || size > largest_spare) return {};
  for (std::atomic<Kept*>& place : places) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    Kept* const kept = place.exchange(nullptr, std::memory_order_acquire);
    if (kept == nullptr) continue;
    if (kept->size >= size) return {kept, kept->size};
    std::free(kept);  // messages have become larger
  }
  return {};
}

void keep_no_spare_memory() noexcept {
  keeping.store(false, std::memory_order_relaxed);
  for (std::atomic<Kept*>& place : places) std::free(place.exchange(nullptr, std::memory_order_acquire));
}

void keep_spare_memory(SpareMemory memory) noexcept {
  const bool fits = memory.size >= smallest_spare && memory.size <= largest_spare;
  if (fits && keeping.load(std::memory_order_relaxed)) {
    Kept* const kept = new (memory.block) Kept{memory.size};
    for (std::atomic<Kept*>& place : places) {
      Kept* empty = nullptr;
      if (place.compare_exchange_strong(empty, kept, std::memory_order_release, std::memory_order_relaxed))
        return;
    }
  }
  std::free(memory.block);
}

}  // namespace procpool::detail
