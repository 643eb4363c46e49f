// SPDX-License-Identifier: MIT
/// \file
/// What systems do differently when a worker crashes. Everything here but what prepares is
/// async-signal-safe. Each function is in a file of its mechanism.
#pragma once

#include "crash/crash_area.hpp"

#include <csignal>
#include <cstdint>

namespace procpool::posix {

/// A thread's registers, as a signal has found them; 0 where the processor has no such register, or none that
/// we know of.
struct CrashRegisters {
  std::uintptr_t instruction = 0;
  std::uintptr_t stack = 0;
  std::uintptr_t link = 0;       ///< the return address, if calls leave it in a register
  bool return_on_stack = false;  ///< calls leave the return address at `stack`
};

/// From the third argument of a signal's handler. (crash_registers_*.cpp)
[[nodiscard]] CrashRegisters crash_registers(const void* context) noexcept;

/// Sends this thread the signal again, as the same event where the system can. (resend_signal_*.cpp)
void resend_signal(int signum, siginfo_t* info) noexcept;

/// In a worker that has not crashed: does what write_crash_images() could not do then. (crash_images_*.cpp)
void prepare_crash_images() noexcept;

/// Writes which images the frames of the area lie in. Reads memory that may not be there any more.
/// (crash_images_*.cpp)
void write_crash_images(detail::CrashArea& area) noexcept;

}  // namespace procpool::posix
