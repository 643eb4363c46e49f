// SPDX-License-Identifier: MIT
#include "helpers/platform.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <signal.h>

namespace procpool::testing {

std::vector<std::string> process_backends() {
  return {"fork", "forkserver", "spawn"};
}

std::string no_captured_stderr() {
  return {};
}

std::string no_signals() {
  return {};
}

bool end_process(Pid pid, int signum) {
  return ::kill(pid, signum) == 0;
}

std::chrono::microseconds time_between_kills(std::chrono::microseconds wanted) {
  return wanted;
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

// proc(5), /proc/pid/maps: "from-to perms offset dev inode path".
std::vector<std::span<std::byte>> writable_channel_memory() {
  std::vector<std::span<std::byte>> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    char permissions[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, permissions) != 3) continue;
    if (line.find("memfd:procpool") == std::string::npos || std::string(permissions) != "rw-s") continue;
    found.emplace_back(reinterpret_cast<std::byte*>(from), to - from);
  }
  return found;
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

// A grandchild is a fork of its worker.
void play_grandchild(int /*argc*/, char** /*argv*/) {}

}  // namespace procpool::testing
