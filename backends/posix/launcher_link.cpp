// SPDX-License-Identifier: MIT
#include "posix/launcher_link.hpp"

#include "posix/inherited_locks.hpp"
#include "posix/launcher.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"
#include "posix/process_setup.hpp"
#include "posix/signals.hpp"
#include "posix/spawn_program.hpp"
#include "posix/system_error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

/// The time that a program has from its start to procpool::init, and a launcher to end.
constexpr auto hello_patience = std::chrono::seconds(30);
constexpr auto launcher_patience = std::chrono::seconds(10);

/// A forked launcher that is stuck ends itself after this time, twice as long each time, so that one that is
/// only slow succeeds in the end.
constexpr auto first_stuck_patience = std::chrono::milliseconds(500);
constexpr int most_stuck_launchers = 6;
/// So many prove all locks. A host whose threads hardly ever let go of one has its pool all the same.
constexpr int most_thorough_launchers = 3;

}  // namespace

/// What a launcher that is forked has to show.
struct LauncherLink::Proof {
  std::chrono::milliseconds patience;
  bool thorough;  ///< that more than procpool's own needs is free
};

/// The life of a forked launcher. noexcept: an exception must not unwind into the host's frames.
void LauncherLink::live_as_launcher(const LauncherRole& role, const WorkerSetup& setup, int control, int bell,
                                    const Proof& proof) noexcept {
  {
    const EndIfStuck end_if_stuck(proof.patience);
    try_lock_of_images();
    if (proof.thorough) try_locks_of_c_library();
    for (const auto& [name, value] : setup.environment) ::setenv(name.c_str(), value.c_str(), 1);
  }
  if (!setup.working_directory.empty() && ::chdir(setup.working_directory.c_str()) != 0) ::_exit(1);
  serve_as_launcher(role, UniqueFd(control), UniqueFd(bell));
}

struct LauncherLink::Ends {
  HostFd host;
  HostFd launcher;
};

LauncherLink::Ends LauncherLink::make_control() {
  const ForksHeld forks_held;
  FdPair pair = make_socket_pair();
  if (!pair.first) throw_spawn_error("cannot make a launcher's control socket", last_error());
  Ends ends;
  ends.host = HostFd(std::move(pair.first), forks_held);
  ends.launcher = HostFd(std::move(pair.second), forks_held);
  return ends;
}

std::shared_ptr<LauncherLink> LauncherLink::fork(const LauncherRole& role, const WorkerSetup& setup,
                                                 int bell) {
  Proof proof{first_stuck_patience, true};
  ExitStatus status;
  for (int i = 0; i < most_stuck_launchers; ++i, proof.patience *= 2) {
    proof.thorough = i < most_thorough_launchers;
    auto link = fork_once(role, setup, bell, proof);
    ReceivedRecord received;
    if (link->receive_hello(received) == RecordReader::Outcome::record) {
      link->inherited_memory_ = received.record.extra;
      return link;
    }
    status = link->reap(std::chrono::seconds(1));
    // A host that reaps its children itself keeps the status from us.
    if (status.known() && status.signal() != SIGALRM) break;
  }
  throw_spawn_error("a forked launcher ended before it could serve (" + status.to_string() + ")",
                    to_error_code(ECHILD));
}

std::shared_ptr<LauncherLink> LauncherLink::fork_once(const LauncherRole& role, const WorkerSetup& setup,
                                                      int bell, const Proof& proof) {
  std::shared_ptr<LauncherLink> link(new LauncherLink);
  Ends ends = make_control();
  flush_stdio();  // what is in buffers would be written by the host and by the workers
  {
    const BlockedSignals blocked;
    const std::array kept{ends.launcher.get(), bell};
    link->pid_ = fork_without_host_fds(kept);
    if (link->pid_ == 0) live_as_launcher(role, setup, kept[0], kept[1], proof);
  }
  if (link->pid_ < 0) {
    link->pid_ = 0;
    throw_spawn_error("cannot fork a launcher", last_error());
  }
  link->owner_ = ::getpid();
  link->control_ = std::move(ends.host);
  return link;
}

std::shared_ptr<LauncherLink> LauncherLink::execute(const LauncherRole& role, const WorkerSetup& setup,
                                                    const std::string& program, int bell) {
  std::shared_ptr<LauncherLink> link(new LauncherLink);
  Ends ends = make_control();
  SpawnRequest request;
  request.program = program;
  request.arguments = to_arguments(role);
  request.environment = setup.environment;
  request.working_directory = setup.working_directory;
  request.descriptors = {ends.launcher.get(), bell};
  sigemptyset(&request.default_signals);
  pid_t pid = 0;
  if (const auto error = spawn_program(request, pid)) {
    throw_spawn_error("cannot run the worker program \"" + program + "\"", error);
  }
  link->pid_ = pid;
  link->owner_ = ::getpid();
  link->control_ = std::move(ends.host);
  return link;
}

RecordReader::Outcome LauncherLink::receive_hello(ReceivedRecord& received) noexcept {
  const Deadline deadline(hello_patience);
  auto outcome = RecordReader::Outcome::nothing;
  while ((outcome = receive(received)) == RecordReader::Outcome::nothing) {
    if (!wait_for(control_.get(), POLLIN, deadline)) break;
  }
  return outcome;
}

void LauncherLink::await_hello(const std::string& program) {
  ReceivedRecord received;
  const auto outcome = receive_hello(received);
  if (outcome == RecordReader::Outcome::record) {
    if (received.record.kind == Record::Kind::hello && received.record.value == protocol_version) {
      inherited_memory_ = received.record.extra;
      return;
    }
    throw_spawn_error("the worker program \"" + program + "\" was built with another version of procpool",
                      to_error_code(EPROTO));
  }
  const std::string advice = "; the first statement of its main must be\n    procpool::init(argc, argv);";
  if (outcome == RecordReader::Outcome::nothing) {
    reap(std::chrono::milliseconds(0));
    throw NotInitializedError("procpool: the worker program \"" + program +
                              "\" has not called procpool::init in 30 seconds" + advice);
  }
  const ExitStatus status = reap(std::chrono::seconds(1));
  const std::string ended = "the worker program \"" + program + "\" ended before it called procpool::init (" +
                            status.to_string() + ")";
  // 127: the dynamic linker could not load it, or a shell did not find what it should run.
  if (status.exited() && status.code() != 127) throw NotInitializedError("procpool: " + ended + advice);
  throw_spawn_error(ended, to_error_code(ECHILD));
}

std::error_code LauncherLink::send(const Record& record, std::span<const int> descriptors,
                                   std::chrono::milliseconds patience) noexcept {
  const std::lock_guard lock(sending_);
  if (!control_) return to_error_code(EPIPE);
  return send_whole_record(control_.get(), record, descriptors, patience);
}

RecordReader::Outcome LauncherLink::receive(ReceivedRecord& received) noexcept {
  return reader_.read(control_.get(), received);
}

void LauncherLink::drain_until_end() noexcept {
  const Deadline deadline(launcher_patience);
  ReceivedRecord received;
  for (;;) {
    switch (receive(received)) {
      case RecordReader::Outcome::end:
        return;
      case RecordReader::Outcome::record:
        continue;
      case RecordReader::Outcome::nothing:
        break;
    }
    if (!wait_for(control_.get(), POLLIN, deadline)) return;
  }
}

ExitStatus LauncherLink::reap(std::chrono::milliseconds patience) noexcept {
  if (pid_ == 0) return {};
  const Deadline deadline(patience);
  int status = 0;
  pid_t reaped = 0;
  while ((reaped = ::waitpid(pid_, &status, WNOHANG)) == 0 && !deadline.passed()) {
    wait_for(-1, 0, Deadline(std::chrono::milliseconds(1)));
  }
  // 0 says that it is our child still. A host may reap all its children itself, or ignore SIGCHLD: then it is
  // an error, and the number may be another's.
  if (reaped == 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while ((reaped = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
  }
  pid_ = 0;
  if (reaped <= 0) return {};
  if (WIFSIGNALED(status)) return ExitStatus::from_signal(WTERMSIG(status));
  return ExitStatus::from_code(WEXITSTATUS(status));
}

bool LauncherLink::shut_down() noexcept {
  bool orderly = false;
  if (owner_ == ::getpid() && pid_ != 0) {
    ::shutdown(control_.get(), SHUT_WR);
    ::kill(pid_, SIGCONT);  // in case somebody has stopped it
    drain_until_end();
    orderly = reap(std::chrono::milliseconds(0)) == ExitStatus::from_code(0);
  }
  const std::lock_guard lock(sending_);
  control_.reset();
  return orderly;
}

}  // namespace procpool::posix
