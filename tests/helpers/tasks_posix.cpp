// SPDX-License-Identifier: MIT
#include "helpers/in_memory_backend.hpp"
#include "helpers/process_info.hpp"
#include "helpers/tasks.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include <signal.h>
#include <unistd.h>

namespace procpool::testing::tasks {

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
  const auto info = process_info(pid);
  return info && !info->runs;
}

}  // namespace procpool::testing::tasks
