// SPDX-License-Identifier: MIT
#include "serialization/stack_room.hpp"

#include <cstring>

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace procpool::detail {
namespace {

struct Bounds {
  std::uintptr_t low = 0;
  std::uintptr_t high = 0;  ///< 0: unknown
};

/// Of the stack that the kernel gave the program. It grows, up to RLIMIT_STACK below its end, where the name
/// of the program stands: see getauxval(3). musl tells only how far it has grown.
Bounds main_stack() noexcept {
  const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  rlimit limit{};
  if (name == nullptr || getrlimit(RLIMIT_STACK, &limit) != 0) return {};
  const auto end = reinterpret_cast<std::uintptr_t>(name + std::strlen(name));
  if (limit.rlim_cur >= end) return {};  // among them RLIM_INFINITY
  return {end - static_cast<std::uintptr_t>(limit.rlim_cur), end};
}

/// Of a thread's. glibc counts the guard in, see pthread_attr_setguardsize(3).
Bounds thread_stack() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  std::size_t size = 0;
  std::size_t guard = 0;
  const bool known = pthread_attr_getstack(&attributes, &low, &size) == 0 &&
                     pthread_attr_getguardsize(&attributes, &guard) == 0 && guard < size;
  pthread_attr_destroy(&attributes);
  if (!known) return {};
  const auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin + guard, begin + size};
}

bool contains(const Bounds& bounds, std::uintptr_t address) noexcept {
  return address >= bounds.low && address < bounds.high;
}

/// Of the stack that holds `here`, if it is one of the two. In a process that a thread has forked, the main
/// thread is on that one's stack.
Bounds find_stack(std::uintptr_t here) noexcept {
  const Bounds main = main_stack();
  if (contains(main, here)) return main;
  const bool on_main_thread = ::syscall(SYS_gettid) == ::getpid();
  return main.high == 0 && on_main_thread ? Bounds{} : thread_stack();
}

}  // namespace

std::size_t stack_room() noexcept {
  thread_local const Bounds bounds = find_stack(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return contains(bounds, here) ? here - bounds.low : SIZE_MAX;
}

}  // namespace procpool::detail
