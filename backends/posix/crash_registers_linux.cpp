// SPDX-License-Identifier: MIT
// The registers in the ucontext of Linux, for the processors that procpool is built for. Sibling:
// crash_registers_darwin.cpp.
#include "posix/crash_system.hpp"

#include <ucontext.h>

namespace procpool::posix {

CrashRegisters crash_registers(const void* context) noexcept {
  CrashRegisters registers;
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  registers.instruction = static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
  registers.stack = static_cast<std::uintptr_t>(machine.gregs[REG_RSP]);
  registers.return_on_stack = true;
#elif defined(__i386__)
  registers.instruction = static_cast<std::uintptr_t>(machine.gregs[REG_EIP]);
  registers.stack = static_cast<std::uintptr_t>(machine.gregs[REG_ESP]);
  registers.return_on_stack = true;
#elif defined(__aarch64__)
  registers.instruction = static_cast<std::uintptr_t>(machine.pc);
  registers.stack = static_cast<std::uintptr_t>(machine.sp);
  registers.link = static_cast<std::uintptr_t>(machine.regs[30]);
#elif defined(__arm__)
  registers.instruction = machine.arm_pc;
  registers.stack = machine.arm_sp;
  registers.link = machine.arm_lr;
#else
  static_cast<void>(machine);  // the unwinder finds the frames, and cannot tell where the handler's end
#endif
  return registers;
}

}  // namespace procpool::posix
