// SPDX-License-Identifier: MIT
// The registers in the ucontext of macOS. Sibling: crash_registers_linux.cpp.
#include "posix/crash_system.hpp"

#include <sys/ucontext.h>

namespace procpool::posix {

CrashRegisters crash_registers(const void* context) noexcept {
  CrashRegisters registers;
  const auto* const machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  if (machine == nullptr) return registers;
#if defined(__x86_64__)
  registers.instruction = machine->__ss.__rip;
  registers.stack = machine->__ss.__rsp;
  registers.return_on_stack = true;
#elif defined(__aarch64__)
  registers.instruction = __darwin_arm_thread_state64_get_pc(machine->__ss);
  registers.stack = __darwin_arm_thread_state64_get_sp(machine->__ss);
  registers.link = __darwin_arm_thread_state64_get_lr(machine->__ss);
#endif
  return registers;
}

}  // namespace procpool::posix
