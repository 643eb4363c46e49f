// SPDX-License-Identifier: MIT
/// \file
/// Tasks that crash, each in a function whose name stands in the stack.
#pragma once

#include <string>

namespace procpool::testing::crashes {

/// outer_function() calls inner_function(), which writes to this address.
inline constexpr unsigned long forbidden_address = 0x10;
int outer_function(int x);

int overflow_the_stack(int x);
int divide_by(int x);
int run_an_illegal_instruction();
/// Calls through a null pointer.
int call_nothing();
int call_abort();
int throw_through_noexcept();
int read_beyond_the_end_of_a_file();
/// Overwrites its own frame and those of its callers, then crashes.
int ruin_the_stack();
int crash_in_another_thread();
int raise_signal(int signum);

/// Loads the library and calls its library_crash().
int crash_in_library(std::string path);

/// What the unwinder does from now on in this process.
enum class Unwinder : int { works, hangs, faults };
[[nodiscard]] bool unwinder_can_be_replaced();  // the two in unwinder_*.cpp
void set_unwinder(Unwinder how);
int crash_while_the_unwinder(int how);

/// Handles SIGSEGV from now on by _exit(42).
void handle_segfaults();
int handle_segfaults_and_crash();
/// Handles SIGSEGV by leaving it to whoever handled it before.
int handle_segfaults_politely_and_crash();
/// Ignores SIGTRAP, raises it and returns.
int ignore_a_trap();
/// Leaves a process behind, in a session of its own, that keeps the worker's stderr; then crashes.
int leave_a_process_and_crash();
/// Forks a process that crashes and returns the signal that ended it.
int fork_and_crash();

}  // namespace procpool::testing::crashes
