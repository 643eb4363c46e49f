// SPDX-License-Identifier: MIT
#include "helpers/in_memory_backend.hpp"
#include "helpers/tasks.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <system_error>

#include <signal.h>
#include <unistd.h>

namespace procpool::testing::tasks {
namespace {

void fill_with_noise(std::span<std::byte> memory, std::minstd_rand& random) {
  for (std::byte& byte : memory) byte = static_cast<std::byte>(random() >> 8U);
}

// proc(5), /proc/pid/maps: "from-to perms offset dev inode path". Linux only; elsewhere nothing is found.
template <class Visit>
void for_each_writable_shared_mapping(Visit visit) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    char permissions[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, permissions) != 3) continue;
    if (line.find("memfd:procpool") == std::string::npos || std::string(permissions) != "rw-s") continue;
    visit(std::span(reinterpret_cast<std::byte*>(from), to - from));
  }
}

}  // namespace

Pid worker_pid() {
  return inside_real_process() ? getpid() : in_memory::this_worker_pid();
}

int spin_with_signals_blocked() {
  if (in_memory::inside_worker()) in_memory::hang();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  for (volatile unsigned long count = 0;;) count = count + 1;
}

int scribble_and_hang(std::uint32_t seed) {
  std::minstd_rand random(seed);
  if (in_memory::inside_worker()) {
    fill_with_noise(in_memory::this_worker_memory(), random);
  } else {
    for_each_writable_shared_mapping([&](std::span<std::byte> memory) { fill_with_noise(memory, random); });
  }
  return hang();
}

void append_line(std::string file, std::string line) {
  line += '\n';
  std::ofstream(file, std::ios::app).write(line.data(), static_cast<std::streamsize>(line.size()));
}

Pid spawn_grandchild() {
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid > 0) return pid;
  while (true) pause();
}

bool is_gone(Pid pid) {
  if (kill(pid, 0) != 0 && errno == ESRCH) return true;
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] == 'Z';
}

}  // namespace procpool::testing::tasks
