// SPDX-License-Identifier: MIT
#include "posix/launcher.hpp"
#include "posix/process_setup.hpp"
#include "posix/role.hpp"
#include "posix/signals.hpp"
#include "posix/worker_main.hpp"

#include <procpool/init.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace procpool {

namespace {

std::atomic<bool> init_called{false};

/// Exit code of a program that was given a role which it cannot play.
constexpr int bad_role = 124;

/// Takes over a descriptor that the starter put at a fixed place.
posix::UniqueFd claim(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return posix::UniqueFd(fd);
}

[[noreturn]] void refuse(const char* argument) {
  std::fprintf(stderr, "procpool: %s is for procpool's own use\n", argument);
  std::fflush(stderr);
  ::_exit(bad_role);
}

[[noreturn]] void be_launcher(const char* text) {
  const posix::BlockedSignals blocked;
  const auto role = posix::parse_launcher_role(text);
  if (!role) refuse(posix::launcher_argument);
  posix::close_other_fds(std::array{posix::fixed_fd::control, posix::fixed_fd::bell});
  posix::serve_as_launcher(*role, claim(posix::fixed_fd::control), claim(posix::fixed_fd::bell));
}

[[noreturn]] void be_worker(const char* text) {
  const auto role = posix::parse_worker_role(text);
  if (!role) refuse(posix::worker_argument);
  posix::close_other_fds(
      std::array{posix::fixed_fd::doorbell, posix::fixed_fd::bell, posix::fixed_fd::memory});
  posix::WorkerStart start;
  start.role = *role;
  start.doorbell = claim(posix::fixed_fd::doorbell);
  start.bell = claim(posix::fixed_fd::bell);
  start.memory = claim(posix::fixed_fd::memory);
  start.launcher = ::getppid();
  posix::work(std::move(start));
}

}  // namespace

void init(int argc, char** argv) {
  const std::string_view argument = argc >= 3 ? argv[1] : "";
  const bool launcher = argument == posix::launcher_argument;
  const bool worker = argument == posix::worker_argument;
  if (posix::has_role_marker() && !detail::initialized()) {
    // If what started this program stripped its arguments, it stays an unclaimed worker.
    if (!launcher && !worker) return;
    init_called = true;
    ::unsetenv(posix::role_variable);
    if (launcher) be_launcher(argv[2]);
    be_worker(argv[2]);
  }
  if (!detail::initialized() && (launcher || worker)) {
    // Started by a process that has died in the meantime, or by a user who has read about it somewhere.
    if (std::getenv(posix::role_variable) != nullptr) ::_exit(bad_role);
    refuse(argv[1]);
  }
  init_called = true;
}

void init() {
  std::vector<std::string> arguments = posix::process_arguments();
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  init(static_cast<int>(arguments.size()), pointers.data());
}

void init(int /*argc*/, wchar_t** /*argv*/) {
  init();
}

namespace detail {

bool initialized() noexcept {
  return init_called.load();
}

bool is_unclaimed_worker() noexcept {
  return !initialized() && posix::has_role_marker();
}

}  // namespace detail
}  // namespace procpool
