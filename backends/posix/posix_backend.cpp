// SPDX-License-Identifier: MIT
#include "posix/posix_backend.hpp"

#include "posix/local_socket.hpp"
#include "posix/process_setup.hpp"
#include "posix/spawn_program.hpp"
#include "posix/system_error.hpp"

#include <procpool/init.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace procpool::posix {

namespace {

/// How long a launcher may not read before a start is given up.
constexpr auto start_patience = std::chrono::seconds(5);

/// How long killed workers may take to be gone, after a launcher that could not wait for them.
constexpr auto death_patience = std::chrono::seconds(5);
constexpr auto doorbell_patience = std::chrono::seconds(1);

constexpr const char* init_advice =
    "; add this as the first statement of main:\n    procpool::init(argc, argv);";

class PosixWorker final : public WorkerProcess {
 public:
  explicit PosixWorker(std::shared_ptr<WorkerHandle> handle) : handle_(std::move(handle)) {}

  [[nodiscard]] std::span<std::byte> memory() noexcept override { return handle_->memory(); }
  void ring() noexcept override { ring_doorbell(handle_->doorbell()); }
  void kill() noexcept override { handle_->kill(); }
  void signal(int signum) noexcept override { handle_->signal(signum); }
  void nudge() noexcept override { handle_->nudge(); }
  [[nodiscard]] std::optional<MemorySize> footprint() noexcept override { return handle_->footprint(); }
  [[nodiscard]] bool ended() noexcept override { return handle_->ended(); }
  [[nodiscard]] NativeHandle sentinel() noexcept override { return handle_->sentinel(); }
  [[nodiscard]] std::string stderr_tail() override {
    return handle_->errors() != nullptr ? handle_->errors()->tail() : std::string();
  }

 private:
  std::shared_ptr<WorkerHandle> handle_;
};

std::string_view to_text(std::uint64_t step) noexcept {
  switch (static_cast<StartStep>(step)) {
    case StartStep::receive_descriptors:
      return "the launcher has no descriptors left";
    case StartStep::fork:
      return "the launcher cannot fork a worker";
    case StartStep::execute:
      return "the launcher cannot run the worker program";
  }
  return "the launcher cannot start a worker";
}

/// An absolute path, or an error that says what is wrong with the one that was given.
std::string check_directory(const std::string& directory) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(directory, error);
  if (!error && !std::filesystem::is_directory(absolute, error) && !error) error = to_error_code(ENOTDIR);
  if (!error && ::access(absolute.c_str(), X_OK) != 0) error = last_error();
  if (error) throw_spawn_error("workers cannot use the working directory \"" + directory + "\"", error);
  return absolute.string();
}

}  // namespace

void PosixBackend::check(const WorkerSetup& setup) const {
  if (detail::is_unclaimed_worker()) {
    throw NotInitializedError(
        std::string("procpool: this process was started as a worker, and makes a pool of its own instead") +
        init_advice);
  }
  if (launcher_by_ == LauncherBy::execute && !detail::initialized()) {
    throw NotInitializedError("procpool: the backend \"" + std::string(name_) +
                              "\" runs this program anew for its workers" + init_advice);
  }
  if (launcher_by_ == LauncherBy::fork && !setup.program.empty()) {
    throw std::invalid_argument(
        "procpool: worker_program is not for the backend \"fork\", whose workers are copies of the host");
  }
  for (const auto& [name, value] : setup.environment) {
    if (name.empty() || name.find_first_of(std::string("=\0", 2)) != std::string::npos ||
        value.find('\0') != std::string::npos) {
      throw std::invalid_argument("procpool: environment has the name \"" + name + "\", which cannot be set");
    }
  }
}

void PosixBackend::open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) {
  check(setup);
  close();
  setup_ = setup;
  if (!setup.working_directory.empty()) setup_.working_directory = check_directory(setup.working_directory);
  program_ = setup.program.empty() ? std::string() : find_program(setup.program);
  loop_ = &loop;
  events_ = &events;
  try {
    bell_ = make_host_bell();
    if (launcher_by_ == LauncherBy::fork) {
      const LauncherRole role{workers_by_, setup_.memory_limit};
      add_session(LauncherLink::fork(role, setup_, bell_->ringing_end()));
    } else {
      auto launcher = execute_launcher();
      launcher->await_hello(program_.empty() ? self_program() : program_);
      add_session(std::move(launcher));
    }
  } catch (...) {
    close();
    throw;
  }
}

std::shared_ptr<LauncherLink> PosixBackend::execute_launcher() {
  const LauncherRole role{workers_by_, setup_.memory_limit};
  return LauncherLink::execute(role, setup_, program_.empty() ? self_program() : program_,
                               bell_->ringing_end());
}

void PosixBackend::add_session(std::shared_ptr<LauncherLink> launcher) {
  auto session = std::make_shared<Session>();
  session->launcher = std::move(launcher);
  session->watch =
      loop_->watch(session->launcher->descriptor(), [this, weak = std::weak_ptr<Session>(session)] {
        if (const auto locked = weak.lock()) serve(locked);
      });
  sessions_.push_back(std::move(session));
}

bool PosixBackend::enforces_memory_limit() const noexcept {
  return can_limit_memory();
}

std::unique_ptr<WorkerProcess> PosixBackend::start(WorkerId worker, std::size_t memory_bytes) {
  std::vector<HostFd> for_worker(setup_.capture_stderr ? 3 : 2);
  HostFd host_end;
  {
    const ForksHeld forks_held;
    for_worker[0] = HostFd(create_shared_memory(memory_bytes), forks_held);
    FdPair pair = make_socket_pair();
    if (!pair.first) throw_spawn_error("cannot make a worker's doorbell (socketpair)", last_error());
    host_end = HostFd(std::move(pair.first), forks_held);
    for_worker[1] = HostFd(std::move(pair.second), forks_held);
  }
  SharedMapping mapping = map_shared_memory(for_worker[0].get(), memory_bytes);
  if (mapping.memory().empty()) throw_spawn_error("cannot map shared memory (mmap)", last_error());
  hide_from_forks(mapping);

  auto handle = std::make_shared<WorkerHandle>(worker, std::move(mapping), std::move(host_end), nullptr);
  auto process = std::make_unique<PosixWorker>(handle);
  if (setup_.capture_stderr) {
    const auto capacity = static_cast<std::size_t>(setup_.capture_stderr->bytes());
    handle->capture_errors(std::make_unique<CapturedOutput>(capacity, for_worker[2]));
  }
  std::vector<int> descriptors;
  for (const HostFd& descriptor : for_worker) descriptors.push_back(descriptor.get());
  if (sent_descriptors_stay_open) handle->keep_sent(std::move(for_worker));
  std::error_code error = to_error_code(EPIPE);
  if (!sessions_.empty()) error = hand_over(handle, descriptors);
  if (error == std::errc::broken_pipe || error == std::errc::connection_reset) {
    // The launcher is lost: the loop will tell of its workers. Another one must be executed, since the host
    // may have threads by now, which a fork would not copy.
    if (!detail::initialized()) {
      throw_spawn_error(
          std::string("the launcher was lost, and another cannot be made without procpool::init") +
              init_advice + "\n",
          to_error_code(EOWNERDEAD));
    }
    add_session(execute_launcher());
    error = hand_over(handle, descriptors);
  }
  if (error) throw_spawn_error("cannot ask the launcher for a worker", error);
  return process;
}

std::error_code PosixBackend::hand_over(const std::shared_ptr<WorkerHandle>& worker,
                                        std::span<const int> descriptors) {
  Session& session = *sessions_.back();
  worker->set_launcher(session.launcher);
  session.workers.emplace(worker->id(), worker);
  Record record;
  record.kind = Record::Kind::start;
  record.worker = worker->id();
  record.extra = worker->memory().size();
  const auto error = session.launcher->send(record, descriptors, start_patience);
  if (error) session.workers.erase(worker->id());
  return error;
}

void PosixBackend::serve(const std::shared_ptr<Session>& session) {
  while (session->open) {
    ReceivedRecord received;
    switch (session->launcher->receive(received)) {
      case RecordReader::Outcome::nothing:
        return;
      case RecordReader::Outcome::end:
        lose(session);
        return;
      case RecordReader::Outcome::record:
        dispatch(session, received);
        break;
    }
  }
}

void PosixBackend::dispatch(const std::shared_ptr<Session>& session, ReceivedRecord& received) {
  const Record& record = received.record;
  if (record.kind == Record::Kind::hello) {
    // Its version needs no look: it is this very program, or one that open() has met.
    session->launcher->accept_hello(record);
    return;
  }
  const auto found = session->workers.find(record.worker);
  if (found == session->workers.end()) return;
  const std::shared_ptr<WorkerHandle> worker = found->second;
  worker->release_sent();
  switch (record.kind) {
    case Record::Kind::started:
      started(session, worker, received);
      return;
    case Record::Kind::start_failed:
      session->workers.erase(found);
      events_->start_failed(worker->id(), to_error_code(record.value), to_text(record.extra));
      return;
    case Record::Kind::exited:
      session->workers.erase(found);
      stop_watching(*worker);
      worker->set_ended();
      events_->exited(worker->id(), record.extra != 0 ? ExitStatus::from_signal(record.value)
                                                      : ExitStatus::from_code(record.value));
      return;
    case Record::Kind::start:
    case Record::Kind::kill:
    case Record::Kind::signal:
    case Record::Kind::hello:
      return;
  }
}

void PosixBackend::started(const std::shared_ptr<Session>& session,
                           const std::shared_ptr<WorkerHandle>& worker, ReceivedRecord& received) {
  worker->set_started(static_cast<Pid>(received.record.extra), std::move(received.descriptors[0]),
                      session->launcher->inherited_memory());
  events_->started(worker->id(), worker->pid());
  // Only now: a ring must not be told before the start.
  if (!session->open) return;
  try {
    watch(worker);
  } catch (...) {
    worker->kill();  // no memory for the watch: a worker that cannot be heard is of no use
  }
}

void PosixBackend::watch(const std::shared_ptr<WorkerHandle>& worker) {
  const std::weak_ptr<WorkerHandle> weak = worker;
  worker->doorbell_watch = loop_->watch(worker->doorbell(), [this, weak] {
    if (const auto locked = weak.lock()) serve_doorbell(locked);
  });
  if (worker->errors() == nullptr) return;
  worker->errors_watch = loop_->watch(worker->errors()->descriptor(), [weak] {
    const auto locked = weak.lock();
    if (locked && !locked->errors()->take_some()) locked->errors_watch.reset();
  });
}

/// The worker is dead.
void PosixBackend::stop_watching(WorkerHandle& worker) noexcept {
  worker.doorbell_watch.reset();
  worker.errors_watch.reset();
  if (worker.errors() != nullptr) worker.errors()->take_the_rest();
}

void PosixBackend::serve_doorbell(const std::shared_ptr<WorkerHandle>& worker) {
  switch (drain_doorbell(worker->doorbell())) {
    case Drained::nothing:
      return;
    case Drained::rung:
      events_->rang(worker->id());
      return;
    case Drained::peer_gone:
      // Not yet the end of the worker, which only the launcher can tell.
      worker->doorbell_watch.reset();
      return;
  }
}

/// Ends the launcher and sees to it that the workers are dead, also if the launcher was killed before it
/// could do so.
void PosixBackend::end_workers(Session& session) noexcept {
  session.watch.reset();
  for (const auto& [id, worker] : session.workers) {
    worker->doorbell_watch.reset();
    worker->release_sent();
  }
  if (!session.launcher->shut_down()) {
    for (const auto& [id, worker] : session.workers) worker->kill_without_launcher();
    const Deadline process(death_patience);
    const Deadline doorbell(doorbell_patience);
    for (const auto& [id, worker] : session.workers) worker->wait_until_dead(process, doorbell);
  }
  for (const auto& [id, worker] : session.workers) {
    stop_watching(*worker);
    worker->set_ended();
  }
}

/// The launcher has ended without being asked to.
void PosixBackend::lose(const std::shared_ptr<Session>& session) {
  end_workers(*session);
  const auto workers = std::exchange(session->workers, {});
  // Whoever listens may start workers anew, or close.
  for (const auto& [id, worker] : workers) {
    if (!session->open) return;
    if (worker->pid() != 0) {
      events_->exited(id, ExitStatus());
    } else {
      events_->start_failed(id, to_error_code(EOWNERDEAD), "the launcher was lost");
    }
  }
  std::erase(sessions_, session);
}

void PosixBackend::close() noexcept {
  for (const auto& session : std::exchange(sessions_, {})) {
    session->open = false;
    end_workers(*session);
    session->workers.clear();
  }
  bell_.reset();
}

}  // namespace procpool::posix
