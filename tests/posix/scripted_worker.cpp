// SPDX-License-Identifier: MIT
#include "posix/scripted_worker.hpp"

#include "worker/nudge.hpp"

#include <procpool/process_backend.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace procpool {

namespace detail {

void on_nudge() noexcept {}  // that it interrupts is enough

}  // namespace detail

namespace {

using testing::Board;
using testing::Order;

std::int64_t count_descriptors() {
  std::int64_t count = 0;
  DIR* directory = ::opendir("/dev/fd");
  while (const dirent* entry = ::readdir(directory)) {
    if (std::atoi(entry->d_name) > 2) ++count;
  }
  ::closedir(directory);
  return count - 1;  // that of the directory itself
}

std::int64_t fork_sleeper(bool own_session) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (own_session) ::setsid();
    for (;;) ::pause();
  }
  return child;
}

/// From the kernel, since the allocators of sanitizers end the process where it refuses.
std::int64_t allocate(std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return 0;
  auto* memory = static_cast<volatile char*>(address);
  for (std::size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
  return 1;
}

std::int64_t find_unexpected_signal() {
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  for (int signum = 1; signum < NSIG; ++signum) {
    if (sigismember(&blocked, signum) == 1) return signum;
  }
  for (const int signum : {SIGINT, SIGCHLD, SIGTERM, SIGPIPE, SIGHUP, SIGUSR1}) {
    struct sigaction action {};
    sigaction(signum, nullptr, &action);
    if (action.sa_handler != (signum == SIGINT ? SIG_IGN : SIG_DFL)) return signum;
  }
  return 0;
}

void write_text(Board& board, const char* text) {
  std::snprintf(board.text.data(), board.text.size(), "%s", text != nullptr ? text : "(none)");
}

void answer(Board& board, WorkerLink& link, std::int64_t value,
            WorkerLink::Bell bell = WorkerLink::Bell::loop) {
  board.answer = value;
  board.order = Order::none;
  board.answered.fetch_add(1);
  link.ring(bell);
}

void block_and_compute() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  const volatile bool forever = true;
  while (forever) {
  }
}

/// The orders that end with a plain answer.
std::int64_t obey(Board& board, Order order) {
  char buffer[512];
  switch (order) {
    case Order::add_one:
    case Order::ring_leader:
      return board.number + 1;
    case Order::raise_signal:
      return ::raise(static_cast<int>(board.number));
    case Order::leave_child:
      return fork_sleeper(false);
    case Order::leave_session:
      return fork_sleeper(true);
    case Order::count_fds:
      return count_descriptors();
    case Order::read_variable:
      write_text(board, std::getenv(board.text.data()));
      return 0;
    case Order::read_directory:
      write_text(board, ::getcwd(buffer, sizeof buffer));
      return 0;
    case Order::read_stdin:
      return ::read(STDIN_FILENO, buffer, sizeof buffer);
    case Order::check_signals:
      return find_unexpected_signal();
    case Order::allocate:
      return allocate(static_cast<std::size_t>(board.number));
    case Order::get_group:
      return ::getpgid(0);
    case Order::print:
      return std::fputs(board.text.data(), stdout);
    default:
      return -1;
  }
}

}  // namespace

int run_worker(WorkerLink& link) {
  auto& board = *reinterpret_cast<Board*>(link.memory().data());
  for (;;) {
    const Order order = board.order;
    switch (order) {
      case Order::none:
        if (link.wait(std::nullopt) == WorkerLink::Wake::host_gone) return 0;
        break;
      case Order::leave:
        return static_cast<int>(board.number);
      case Order::call_exit:
        std::exit(static_cast<int>(board.number));
      case Order::loop_forever:
        answer(board, link, 0);
        block_and_compute();
        break;
      case Order::pause_forever:
        answer(board, link, 0);
        for (;;) ::pause();
      case Order::sleep_for_nudge:
        answer(board, link, 0);
        board.second = ::poll(nullptr, 0, 60'000) < 0 ? errno : -1;
        link.ring(WorkerLink::Bell::loop);
        break;
      case Order::ring_leader:
        answer(board, link, obey(board, order), WorkerLink::Bell::leader);
        break;
      default:
        answer(board, link, obey(board, order));
        break;
    }
  }
}

}  // namespace procpool
