// SPDX-License-Identifier: MIT
#include "helpers/platform.hpp"

#include <csignal>
#include <cstdlib>

#include <signal.h>

namespace procpool::testing {

namespace {

std::string said_by_leg(const char* variable) {
  const char* const reason = std::getenv(variable);
  return reason != nullptr ? reason : "";
}

}  // namespace

std::vector<std::string> process_backends() {
  return {"fork", "forkserver", "spawn"};
}

std::string no_captured_stderr() {
  return {};
}

std::string no_status_of_crashes() {
  return said_by_leg("PROCPOOL_TEST_NO_STATUS_OF_CRASHES");
}

std::string no_signals_in_forks() {
  return said_by_leg("PROCPOOL_TEST_NO_SIGNALS_IN_FORKS");
}

std::string no_signals() {
  return {};
}

bool end_process(Pid pid, int signum) {
  return ::kill(pid, signum) == 0;
}

ExitStatus status_of_kill(int signum) {
  return ExitStatus::from_signal(signum);
}

WorkerLostError::Reason reason_of_kill() {
  return WorkerLostError::Reason::killed;
}

ExitStatus status_of_segfault() {
  return ExitStatus::from_signal(SIGSEGV);
}

std::string name_of_segfault() {
  return "SIGSEGV";
}

// A grandchild is a fork of its worker.
void play_grandchild(int /*argc*/, char** /*argv*/) {}

}  // namespace procpool::testing
