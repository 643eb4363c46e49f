// SPDX-License-Identifier: MIT
#include "posix/worker_handle.hpp"

#include "posix/exit_watch.hpp"
#include "posix/footprint.hpp"
#include "posix/local_socket.hpp"
#include "posix/nudge_signal.hpp"
#include "posix/poll_wait.hpp"

#include <chrono>
#include <csignal>

#include <poll.h>

namespace procpool::posix {

namespace {

/// How long a launcher may not read before a kill is given up. It reads at once, unless somebody has stopped
/// it.
constexpr auto kill_patience = std::chrono::seconds(5);

}  // namespace

void WorkerHandle::set_started(Pid pid, UniqueFd handle, std::uint64_t inherited_memory) {
  const ForksHeld forks_held;
  const std::lock_guard lock(mutex_);
  pid_ = pid;
  inherited_memory_ = inherited_memory;
  exit_watch_ = HostFd(watch_exit(pid, std::move(handle)), forks_held);
}

void WorkerHandle::set_ended() noexcept {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

Pid WorkerHandle::pid() const noexcept {
  const std::lock_guard lock(mutex_);
  return pid_;
}

void WorkerHandle::kill_without_launcher() noexcept {
  const std::lock_guard lock(mutex_);
  if (pid_ != 0 && !ended_) kill_group_by_watch(exit_watch_.get(), pid_);
}

void WorkerHandle::wait_until_dead(const Deadline& process, const Deadline& doorbell) noexcept {
  int exit_watch = -1;
  {
    const std::lock_guard lock(mutex_);
    exit_watch = exit_watch_.get();
  }
  if (exit_watch >= 0) wait_for(exit_watch, POLLIN, process);
  while (drain_doorbell(doorbell_.get()) != Drained::peer_gone) {
    // Descendants of its that ring do not keep us here.
    if (doorbell.passed() || !wait_for(doorbell_.get(), POLLIN, doorbell)) return;
  }
}

void WorkerHandle::send_signal(int signum, std::chrono::milliseconds patience) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || signal_by_watch(exit_watch_.get(), signum) != Reached::unsupported) return;
  }
  Record record;
  record.kind = signum == SIGKILL ? Record::Kind::kill : Record::Kind::signal;
  record.value = signum;
  record.worker = id_;
  // If this fails the launcher is lost, which kills the worker, or stopped, and then nobody can.
  static_cast<void>(launcher_->send(record, {}, patience));
}

void WorkerHandle::kill() noexcept {
  send_signal(SIGKILL, kill_patience);
}

void WorkerHandle::signal(int signum) noexcept {
  send_signal(signum, kill_patience);
}

void WorkerHandle::nudge() noexcept {
  send_signal(nudge_signal, std::chrono::milliseconds(0));
}

std::optional<MemorySize> WorkerHandle::footprint() const noexcept {
  const std::lock_guard lock(mutex_);
  if (pid_ == 0 || ended_) return std::nullopt;
  const auto footprint = read_footprint(pid_, inherited_memory_);
  // If it runs still, the number was its own all the time.
  if (exit_watch_ && !still_runs(exit_watch_.get())) return std::nullopt;
  return footprint;
}

bool WorkerHandle::ended() const noexcept {
  const std::lock_guard lock(mutex_);
  return ended_ || (exit_watch_ && !still_runs(exit_watch_.get()));
}

NativeHandle WorkerHandle::sentinel() const noexcept {
  const std::lock_guard lock(mutex_);
  return exit_watch_.get();
}

}  // namespace procpool::posix
