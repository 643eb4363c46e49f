// SPDX-License-Identifier: MIT
#include "posix/launcher.hpp"

#include "posix/exit_watch.hpp"
#include "posix/footprint.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"
#include "posix/process_setup.hpp"
#include "posix/spawn_program.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

/// How long the end of a worker is kept back for what it left in its group to be gone. SIGKILL takes
/// microseconds, but for a process that is stuck in the kernel.
constexpr auto group_patience = std::chrono::seconds(3);
/// How long a launcher that ends waits for its workers to be gone. Less than the host waits for the launcher.
constexpr auto end_patience = std::chrono::seconds(5);

// Written by signal handlers.
int wake_descriptor = -1;
volatile std::sig_atomic_t asked_to_end = 0;

void wake_launcher(int signum) {
  const int saved = errno;
  if (signum == SIGTERM) asked_to_end = 1;
  constexpr char byte = 0;
  [[maybe_unused]] const auto count = ::write(wake_descriptor, &byte, 1);  // full: it will wake anyway
  errno = saved;
}

/// What stands at 0 to 2 must not be a descriptor of procpool's, and workers must not take the host's input.
void settle_standard_streams() noexcept {
  const UniqueFd null = raise_fd(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (!null) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const bool closed = ::fcntl(stream, F_GETFD) < 0;
    if (stream == STDIN_FILENO || closed) ::dup2(null.get(), stream);
  }
}

bool group_is_gone(pid_t leader) noexcept {
  return ::kill(-leader, 0) != 0 && errno == ESRCH;
}

}  // namespace

Launcher::Launcher(const LauncherRole& role, UniqueFd control, UniqueFd bell)
    : role_(role), control_(std::move(control)), bell_(std::move(bell)) {
  FdPair pipe = make_pipe();
  if (!pipe.first) ::_exit(1);  // the host sees the end of the control socket
  wake_ = std::move(pipe.first);
  wake_writer_ = std::move(pipe.second);
  take_over_process();
  Record hello;
  hello.kind = Record::Kind::hello;
  hello.value = protocol_version;
  hello.extra = role_.workers_by == WorkersBy::fork ? inherited_memory() : 0;
  tell(hello);
}

void Launcher::take_over_process() {
  ::setpgid(0, 0);
  settle_standard_streams();
  inherited_ = reset_signals();
  ignore_launcher_signals();
  wake_descriptor = wake_writer_.get();
  asked_to_end = 0;
  set_signal_handler(SIGCHLD, &wake_launcher, SA_RESTART | SA_NOCLDSTOP);
  set_signal_handler(SIGTERM, &wake_launcher, SA_RESTART);
  adopt_orphans();
  unblock_all_signals();
}

std::optional<WorkerStart> Launcher::run() {
  std::optional<WorkerStart> worker;
  bool host_is_there = true;
  while (host_is_there && asked_to_end == 0) {
    if (wait_for_something()) host_is_there = serve_control(worker);
    if (worker) return worker;
    reap();
    tell_of_the_dead();
    if (!queue_.flush(control_.get())) host_is_there = false;
  }
  kill_everything();
  return std::nullopt;
}

/// True if there is something to read from the host.
bool Launcher::wait_for_something() {
  const bool dead_untold =
      std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.reaped; });
  const auto control_events = static_cast<short>(queue_.empty() ? POLLIN : POLLIN | POLLOUT);
  pollfd polled[] = {{control_.get(), control_events, 0}, {wake_.get(), POLLIN, 0}};
  if (::poll(polled, 2, dead_untold ? 1 : -1) <= 0) return false;
  if (polled[1].revents != 0) {
    char bytes[64];
    while (::read(wake_.get(), bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) {
    }
  }
  return (polled[0].revents & ~POLLOUT) != 0;
}

/// False if the host is gone.
bool Launcher::serve_control(std::optional<WorkerStart>& worker) {
  for (;;) {
    ReceivedRecord received;
    switch (reader_.read(control_.get(), received)) {
      case RecordReader::Outcome::nothing:
        return true;
      case RecordReader::Outcome::end:
        return false;
      case RecordReader::Outcome::record:
        break;
    }
    switch (received.record.kind) {
      case Record::Kind::start:
        worker = start(received);
        if (worker) return true;
        break;
      case Record::Kind::kill:
        signal_worker(received.record.worker, SIGKILL);
        break;
      case Record::Kind::signal:
        signal_worker(received.record.worker, received.record.value);
        break;
      case Record::Kind::hello:
      case Record::Kind::started:
      case Record::Kind::start_failed:
      case Record::Kind::exited:
        return false;  // no host says that
    }
  }
}

std::optional<WorkerStart> Launcher::start(ReceivedRecord& received) {
  const std::uint64_t id = received.record.worker;
  if (received.descriptors_lost || !received.descriptors[0] || !received.descriptors[1]) {
    tell_failed(id, EMFILE, StartStep::receive_descriptors);
    return std::nullopt;
  }
  WorkerStart start;
  start.role = {received.record.extra, role_.memory_limit};
  start.memory = std::move(received.descriptors[0]);
  start.doorbell = std::move(received.descriptors[1]);
  start.errors = std::move(received.descriptors[2]);
  start.launcher = ::getpid();
  if (role_.workers_by == WorkersBy::fork) return fork_worker(id, std::move(start));
  execute_worker(id, start);
  return std::nullopt;
}

std::optional<WorkerStart> Launcher::fork_worker(std::uint64_t id, WorkerStart start) {
  // The child must not run the launcher's handlers, which write to the launcher's pipe.
  const BlockedSignals blocked;
  const pid_t pid = ::fork();
  if (pid < 0) {
    tell_failed(id, errno, StartStep::fork);
    return std::nullopt;
  }
  if (pid > 0) {
    ::setpgid(pid, pid);  // the child does it too: whoever comes first
    tell_started(id, pid);
    return std::nullopt;
  }
  ::setpgid(0, 0);
  restore_worker_signals(inherited_);
  start.bell = std::move(bell_);
  return start;
}

void Launcher::execute_worker(std::uint64_t id, const WorkerStart& start) {
  SpawnRequest request;
  request.program = self_program();
  request.arguments = to_arguments(start.role);
  request.descriptors = {start.doorbell.get(), bell_.get(), start.memory.get()};
  request.standard_error = start.errors.get();
  request.default_signals = worker_default_signals(inherited_);
  pid_t pid = 0;
  if (const auto error = spawn_program(request, pid)) {
    tell_failed(id, error.value(), StartStep::execute);
  } else {
    tell_started(id, pid);
  }
}

void Launcher::tell_started(std::uint64_t id, pid_t pid) {
  Worker worker;
  worker.id = id;
  worker.pid = pid;
  workers_.push_back(worker);
  Record record;
  record.kind = Record::Kind::started;
  record.worker = id;
  record.extra = static_cast<std::uint64_t>(pid);
  tell(record, open_process_handle(pid));
}

void Launcher::tell_failed(std::uint64_t id, int error, StartStep step) {
  Record record;
  record.kind = Record::Kind::start_failed;
  record.worker = id;
  record.value = error;
  record.extra = static_cast<std::uint64_t>(step);
  tell(record);
}

void Launcher::tell(const Record& record, UniqueFd descriptor) {
  queue_.push(record, std::move(descriptor));
  // A host that is gone is noticed by run(): the queue cannot be flushed there either.
  static_cast<void>(queue_.flush(control_.get()));
}

void Launcher::signal_worker(std::uint64_t id, int signum) noexcept {
  for (const Worker& worker : workers_) {
    if (worker.id != id || worker.reaped) continue;
    if (signum == SIGKILL) ::kill(-worker.pid, SIGKILL);
    ::kill(worker.pid, signum);
    return;
  }
}

/// Looks at all children that have ended: workers, and orphans that this process has adopted.
void Launcher::reap() {
  for (;;) {
    siginfo_t info{};
    // The zombie stays for now, so that its number is nobody else's.
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (info.si_pid == 0) return;
    reap_one(info.si_pid);
  }
}

void Launcher::reap_one(pid_t pid) {
  const auto worker = std::find_if(workers_.begin(), workers_.end(), [pid](const Worker& candidate) {
    return candidate.pid == pid && !candidate.reaped;
  });
  // What the worker has left in its group. While the zombie is there, the group's number cannot be another's.
  if (worker != workers_.end()) ::kill(-pid, SIGKILL);
  // Not waitid(), whose status has more bits of an exit code on macOS than a process can know elsewhere.
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (worker == workers_.end()) return;
  worker->reaped = true;
  worker->told_at_latest = Clock::now() + group_patience;
  worker->exited.kind = Record::Kind::exited;
  worker->exited.worker = worker->id;
  worker->exited.value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  worker->exited.extra = WIFSIGNALED(status) ? 1 : 0;
}

/// What was killed in a group may still be about to write to the worker's memory: wait till it is gone.
void Launcher::tell_of_the_dead() {
  std::erase_if(workers_, [this](const Worker& worker) {
    if (!worker.reaped) return false;
    if (!group_is_gone(worker.pid) && Clock::now() < *worker.told_at_latest) return false;
    tell(worker.exited);
    return true;
  });
}

/// Ends the workers, their groups, and on systems where they come to us also what has left the groups.
void Launcher::kill_everything() {
  const Deadline deadline(end_patience);
  for (;;) {
    for (const Worker& worker : workers_) {
      if (worker.reaped) continue;
      ::kill(-worker.pid, SIGKILL);
      ::kill(worker.pid, SIGKILL);
    }
    const auto children = list_children();
    for (const pid_t child : children) ::kill(child, SIGKILL);
    reap();
    std::erase_if(workers_, [](const Worker& worker) { return worker.reaped && group_is_gone(worker.pid); });
    if (workers_.empty() && list_children().empty()) return;
    if (deadline.passed())
      ::_exit(1);  // something is stuck in the kernel; the host must not think all is well
    wait_for(wake_.get(), POLLIN, Deadline(std::chrono::milliseconds(1)));
    char bytes[64];
    [[maybe_unused]] const auto count = ::read(wake_.get(), bytes, sizeof bytes);
  }
}

void serve_as_launcher(const LauncherRole& role, UniqueFd control, UniqueFd bell) noexcept {
  std::optional<WorkerStart> worker;
  {
    Launcher launcher(role, std::move(control), std::move(bell));
    worker = launcher.run();
  }
  if (worker) work(std::move(*worker));
  ::_exit(0);
}

}  // namespace procpool::posix
