// SPDX-License-Identifier: MIT
#include "posix/backend_host.hpp"

#include <fstream>
#include <string>
#include <thread>

namespace procpool::testing {

namespace {

/// "PID (comm) STATE PPID ..." (proc(5)).
bool read_stat(Pid pid, char& state, Pid& parent) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return false;
  return std::sscanf(text.c_str() + end_of_name + 1, " %c %d", &state, &parent) == 2;
}

}  // namespace

bool dies_soon(Pid pid) {
  const auto deadline = Clock::now() + BackendHost::patience;
  for (;;) {
    char state = 0;
    Pid parent = 0;
    if (!read_stat(pid, state, parent) || state == 'Z' || state == 'X') return true;
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Pid parent_of(Pid pid) {
  char state = 0;
  Pid parent = 0;
  return read_stat(pid, state, parent) ? parent : 0;
}

}  // namespace procpool::testing
