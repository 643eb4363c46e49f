// SPDX-License-Identifier: MIT
#include "channel/spin.hpp"

#include <sched.h>

namespace procpool::detail {

void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

void cpu_yield() noexcept {
  sched_yield();
}

}  // namespace procpool::detail
