// SPDX-License-Identifier: MIT
// prctl (Linux): PR_SET_PDEATHSIG follows the thread that forked, which in a launcher is its only one;
// PR_SET_CHILD_SUBREAPER is of Linux 3.4; the list of children of 3.5, with CONFIG_PROC_CHILDREN.
#include "posix/process_setup.hpp"
#include "posix/read_file.hpp"

#include <csignal>
#include <cstdlib>
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
  const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  std::vector<pid_t> children;
  SmallFile text;
  if (!read_file(path.c_str(), text)) return children;
  // Each number is followed by a space. A list that does not fit is asked for again, after the first ones
  // have been killed; its last number may be cut.
  char* at = text.data();
  for (;;) {
    char* end = nullptr;
    const long child = std::strtol(at, &end, 10);
    if (end == at || *end != ' ') return children;
    children.push_back(static_cast<pid_t>(child));
    at = end;
  }
}

}  // namespace procpool::posix
