// SPDX-License-Identifier: MIT
// For systems where a process cannot ask for any of this (macOS): the launcher kills its workers when the
// host is gone, and workers whose launcher was killed are killed by the host.
#include "posix/process_setup.hpp"

namespace procpool::posix {

bool die_with_parent() noexcept {
  return false;
}

bool adopt_orphans() noexcept {
  return false;
}

std::vector<pid_t> list_children() {
  return {};
}

}  // namespace procpool::posix
