// SPDX-License-Identifier: MIT
#include "posix/worker_main.hpp"

#include "posix/crash_handler.hpp"
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/nudge_signal.hpp"
#include "posix/poll_wait.hpp"
#include "posix/process_setup.hpp"
#include "posix/shared_memory.hpp"
#include "posix/signals.hpp"
#include "worker/nudge.hpp"
#include "worker/task_context.hpp"

#include <procpool/process_backend.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

constexpr int setup_failed = 125;

class DoorbellLink final : public WorkerLink {
 public:
  DoorbellLink(SharedMapping mapping, int doorbell, int bell)
      : mapping_(std::move(mapping)), doorbell_(doorbell), bell_(bell) {}

  [[nodiscard]] std::span<std::byte> memory() noexcept override { return mapping_.memory(); }

  Wake wait(std::optional<Duration> timeout) noexcept override {
    if (timeout) {
      if (!wait_for(doorbell_, POLLIN, Deadline(timeout))) return Wake::timed_out;
      // Somebody who forked from this worker may have taken the byte: an early wake-up does no harm.
      return drain_doorbell(doorbell_) == Drained::peer_gone ? Wake::host_gone : Wake::rung;
    }
    char bytes[256];
    for (;;) {
      const ssize_t count = ::recv(doorbell_, bytes, sizeof bytes, 0);
      if (count > 0) return Wake::rung;  // what is left wakes once more
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {  // see make_socket_pair()
        wait_for(doorbell_, POLLIN, Deadline(std::nullopt));
        continue;
      }
      return Wake::host_gone;
    }
  }

  void ring(Bell bell) noexcept override {
    if (bell == Bell::leader) {
      ring_bell(bell_);
    } else {
      ring_doorbell(doorbell_);
    }
  }

 private:
  SharedMapping mapping_;
  int doorbell_;
  int bell_;
};

void handle_nudge(int /*signum*/) {
  const int saved = errno;
  detail::on_nudge();
  errno = saved;
}

}  // namespace

void work(WorkerStart start) noexcept {
  if (die_with_parent() && ::getppid() != start.launcher)
    ::_exit(setup_failed);  // the launcher is dead already
  set_signal_handler(SIGINT, SIG_IGN, 0);
  set_signal_handler(SIGTTOU, SIG_IGN, 0);
  set_signal_handler(nudge_signal, &handle_nudge, 0);  // no SA_RESTART: it shall interrupt
  unblock_all_signals();

  if (start.errors && ::dup2(start.errors.get(), STDERR_FILENO) < 0) ::_exit(setup_failed);
  start.errors.reset();
  SharedMapping mapping =
      map_shared_memory(start.memory.get(), static_cast<std::size_t>(start.role.memory_bytes));
  if (mapping.memory().empty()) {
    std::fprintf(stderr, "procpool: a worker cannot map its memory: %s\n", std::strerror(errno));
    ::_exit(setup_failed);
  }
  start.memory.reset();
  ::pthread_atfork(nullptr, nullptr, &detail::leave_task_in_fork);
  hide_from_forks(mapping);  // from those, too, that ran no handlers (clone)
  report_crashes(mapping.memory());
  if (start.role.memory_limit) limit_memory(*start.role.memory_limit);
  skip_exit_handlers_of_host();

  DoorbellLink link(std::move(mapping), start.doorbell.get(), start.bell.get());
  const int code = run_worker(link);
  flush_stdio();
  ::_exit(code);
}

}  // namespace procpool::posix
