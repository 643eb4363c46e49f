// SPDX-License-Identifier: MIT
#include "unit/memory_shortage.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace procpool::testing {
namespace {

void* allocate(std::size_t size) noexcept {
  return memory_shortage().refuses() ? nullptr : std::malloc(size == 0 ? 1 : size);
}

}  // namespace

MemoryShortage& memory_shortage() noexcept {
  static thread_local MemoryShortage shortage;
  return shortage;
}

}  // namespace procpool::testing

void* operator new(std::size_t size) {
  if (void* const memory = procpool::testing::allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return procpool::testing::allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
