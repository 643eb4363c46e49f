// SPDX-License-Identifier: MIT
/// \file
/// How the systems that the tests run on differ. Each function is in platform_*.cpp.
#pragma once

#include <procpool/errors.hpp>
#include <procpool/exit_status.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace procpool::testing {

/// Of POSIX; Windows does not name it.
inline constexpr int sigkill = 9;

/// The names of the backends that start processes: "fork", "forkserver", "spawn".
[[nodiscard]] std::vector<std::string> process_backends();

/// Why tests of signals cannot run; empty where processes are ended by signals.
[[nodiscard]] std::string no_signals();

/// Why PoolOptions::capture_stderr cannot be tested; empty where it is there.
[[nodiscard]] std::string no_captured_stderr();

/// Why crashes are not told with their status; empty if they are. Where an emulator runs the tests, the leg
/// says so, in the variable PROCPOOL_TEST_NO_STATUS_OF_CRASHES.
[[nodiscard]] std::string no_status_of_crashes();
/// Why a forked worker cannot be interrupted by a signal; empty if it can. Said in the same way, in
/// PROCPOOL_TEST_NO_SIGNALS_IN_FORKS.
[[nodiscard]] std::string no_signals_in_forks();
/// All takes some ten times as long as it should.
[[nodiscard]] inline bool in_an_emulator() {
  return !no_status_of_crashes().empty();
}

/// Ends a process as somebody outside of procpool would: by a signal, or where there are none as the system's
/// task manager does. False if there is no such process.
bool end_process(Pid pid, int signum);
/// What a worker's end by end_process() looks like, and its reason.
[[nodiscard]] ExitStatus status_of_kill(int signum);
[[nodiscard]] WorkerLostError::Reason reason_of_kill();

/// What a worker ends with that writes through a null pointer, and how that is told.
[[nodiscard]] ExitStatus status_of_segfault();
[[nodiscard]] std::string name_of_segfault();

/// Memory of the channel that this worker process may write to. Found on Linux and Windows only; elsewhere
/// there is none.
[[nodiscard]] std::vector<std::span<std::byte>> writable_channel_memory();

/// The path of the program that this process runs.
[[nodiscard]] std::string own_program();

/// In main, after procpool::init: does not return in a process that tasks::spawn_grandchild() has started by
/// running this program anew.
void play_grandchild(int argc, char** argv);

}  // namespace procpool::testing
