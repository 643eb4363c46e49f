// SPDX-License-Identifier: MIT
// macOS: descriptors, children and what they have started by libproc. A process whose parents have
// died is not found, and threads are not looked at: the system makes some of its own.
#include "helpers/held_resources.hpp"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <libproc.h>
#include <signal.h>
#include <sys/proc_info.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

void add_descriptors(HeldResources& held) {
  std::vector<proc_fdinfo> descriptors(1024);
  const int room = static_cast<int>(descriptors.size() * sizeof(proc_fdinfo));
  const int size = ::proc_pidinfo(::getpid(), PROC_PIDLISTFDS, 0, descriptors.data(), room);
  descriptors.resize(size > 0 ? static_cast<std::size_t>(size) / sizeof(proc_fdinfo) : 0);
  for (const proc_fdinfo& descriptor : descriptors) {
    const std::string number = std::to_string(descriptor.proc_fd);
    const std::string type = std::to_string(descriptor.proc_fdtype);  // PROX_FDTYPE_... in <sys/proc_info.h>
    held["descriptor " + number + " " + type] = "descriptor " + number + " of type " + type;
  }
}

void add_children(HeldResources& held, pid_t parent) {
  std::vector<pid_t> children(1024);
  const int room = static_cast<int>(children.size() * sizeof(pid_t));
  const int size = ::proc_listpids(PROC_PPID_ONLY, static_cast<std::uint32_t>(parent), children.data(), room);
  children.resize(size > 0 ? static_cast<std::size_t>(size) / sizeof(pid_t) : 0);
  for (const pid_t child : children) {
    if (child <= 0) continue;
    const std::string number = std::to_string(child);
    held["process " + number] = "process " + number + ", a child of " + std::to_string(parent);
    add_children(held, child);
  }
}

}  // namespace

HeldResources held_resources() {
  HeldResources held;
  add_descriptors(held);
  add_children(held, ::getpid());
  return held;
}

void mark_descendants(char**) {}

void kill_processes(const HeldResources& held) {
  constexpr std::string_view prefix = "process ";
  for (const auto& [key, description] : held) {
    if (key.starts_with(prefix)) ::kill(std::atoi(key.c_str() + prefix.size()), SIGKILL);
  }
}

}  // namespace procpool::testing
