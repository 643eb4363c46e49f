// SPDX-License-Identifier: MIT
/// \file
/// In a worker: what tells the host where the worker crashes.
#pragma once

#include <cstddef>
#include <span>

namespace procpool::posix {

/// From now on a signal that a crash raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP) in
/// any thread makes the worker write its stack into the CrashArea of `memory`, which stays mapped, before the
/// signal ends it as it would have without. Signals that are handled or ignored already are left alone, and
/// so are memories too small for a channel. Once in a process, on its main thread, which gets an alternate
/// stack, so that an overflow of the stack is told too. Whoever installs a handler later has it in place of
/// this one.
///
/// A second fault, or a lock that is never released, costs what has not been told yet, and 2 s: the process
/// dies by the first signal in any case.
void report_crashes(std::span<std::byte> memory) noexcept;

}  // namespace procpool::posix
