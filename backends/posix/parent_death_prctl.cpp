// SPDX-License-Identifier: MIT
// prctl (Linux): PR_SET_PDEATHSIG follows the thread that forked, which in a launcher is its only one;
// PR_SET_CHILD_SUBREAPER is of Linux 3.4; the list of children of 3.5, with CONFIG_PROC_CHILDREN.
#include "posix/process_setup.hpp"

#include <csignal>
#include <fstream>
#include <string>

#include <sys/prctl.h>
#include <unistd.h>

namespace procpool::posix {

bool die_with_parent() noexcept {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

bool adopt_orphans() noexcept {
  return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

std::vector<pid_t> list_children() {
  std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

}  // namespace procpool::posix
