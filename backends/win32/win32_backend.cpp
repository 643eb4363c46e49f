// SPDX-License-Identifier: MIT
#include "win32/win32_backend.hpp"

#include "win32/role.hpp"
#include "win32/system_error.hpp"

#include <procpool/errors.hpp>
#include <procpool/init.hpp>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace procpool::win32 {

namespace {

/// How long a worker program may take to say that it is one.
constexpr auto probe_patience = std::chrono::seconds(30);
/// How long the end of a worker is kept back for what it left in its job to be gone.
constexpr auto descendant_patience = std::chrono::seconds(3);
/// How long killed workers may take to be gone when the backend closes.
constexpr auto death_patience = std::chrono::seconds(5);

constexpr const char* init_advice =
    "; add this as the first statement of main:\n    procpool::init(argc, argv);";

class Win32Worker final : public WorkerProcess {
 public:
  explicit Win32Worker(std::shared_ptr<WorkerHandle> handle) : handle_(std::move(handle)) {}

  [[nodiscard]] std::span<std::byte> memory() noexcept override { return handle_->memory(); }
  void ring() noexcept override { handle_->ring(); }
  void kill() noexcept override { handle_->kill(signal_of_kill); }
  void signal(int signum) noexcept override { handle_->kill(signum); }
  void nudge() noexcept override { handle_->nudge(); }
  [[nodiscard]] std::optional<MemorySize> footprint() noexcept override { return handle_->footprint(); }
  [[nodiscard]] bool ended() noexcept override { return handle_->ended(); }
  [[nodiscard]] NativeHandle sentinel() noexcept override { return handle_->sentinel(); }

 private:
  std::shared_ptr<WorkerHandle> handle_;
};

}  // namespace

void Win32Backend::check(const WorkerSetup& setup) {
  if (detail::is_unclaimed_worker()) {
    throw NotInitializedError(
        std::string("procpool: this process was started as a worker, and makes a pool of its own instead") +
        init_advice);
  }
  if (!detail::initialized()) {
    throw NotInitializedError(
        std::string("procpool: the backend \"spawn\" runs this program anew for its workers") + init_advice);
  }
  if (setup.capture_stderr) {
    throw std::invalid_argument(
        "procpool: capture_stderr is not there on Windows: stderr of workers is the host's");
  }
  for (const auto& [name, value] : setup.environment) {
    if (name.empty() || name.find_first_of(std::string("=\0", 2)) != std::string::npos ||
        value.find('\0') != std::string::npos) {
      throw std::invalid_argument("procpool: environment has the name \"" + name + "\", which cannot be set");
    }
  }
}

void Win32Backend::open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) {
  check(setup);
  close();
  auto session = std::make_shared<Session>();
  session->loop = &loop;
  session->events = &events;
  session->request.environment = setup.environment;
  if (!setup.working_directory.empty()) {
    session->request.working_directory = check_directory(setup.working_directory);
  }
  session->request.program = setup.program.empty() ? self_program() : find_program(setup.program);
  session->bell = std::make_unique<EventBell>();
  enforces_memory_limit_ = jobs_limit_memory();
  memory_limit_ = enforces_memory_limit_ ? setup.memory_limit : std::nullopt;
  if (!setup.program.empty()) probe(session->request);
  session_ = std::move(session);
}

/// Another program may not know procpool at all: that is told by the Pool's constructor, and not by workers
/// that never answer.
void Win32Backend::probe(const SpawnRequest& request) {
  StartPipe pipe = make_start_pipe();
  SpawnRequest with_pipe = request;
  with_pipe.pipe = pipe.read.get();
  JobObject job(std::nullopt);
  with_pipe.job = job.handle();
  SpawnedProcess spawned;
  if (const auto error = spawn_program(with_pipe, spawned)) {
    throw_spawn_error("cannot run the worker program \"" + request.program + "\"", error);
  }
  pipe.read.reset();
  StartRecord record;
  record.kind = StartRecord::Kind::probe;
  const auto pipe_error = send_start_record(pipe.write.get(), record);
  const bool ended = wait_for(spawned.process.get(), Deadline(probe_patience));
  DWORD code = 0;
  if (ended) {
    ::GetExitCodeProcess(spawned.process.get(), &code);
  } else {
    job.terminate(bad_role);
    ::TerminateProcess(spawned.process.get(), bad_role);
    wait_for(spawned.process.get(), Deadline(death_patience));
  }
  if (ended && code == probe_answer) return;
  if (!ended || (!pipe_error && code != bad_role && code < 0xC0000000U)) {
    throw NotInitializedError("procpool: the worker program \"" + request.program +
                              "\" does not answer as a worker of this version of procpool" + init_advice);
  }
  throw SpawnError("procpool: the worker program \"" + request.program + "\" ended with " +
                       ExitStatus::from_code(code).to_string() + " before it could be asked to work",
                   std::make_error_code(std::errc::executable_format_error));
}

std::unique_ptr<WorkerProcess> Win32Backend::start(WorkerId worker, std::size_t memory_bytes) {
  if (!session_)
    throw_spawn_error("cannot start a worker: the backend is not open", to_error_code(ERROR_INVALID_STATE));
  auto handle = std::make_shared<WorkerHandle>(worker, memory_bytes, memory_limit_);
  auto process = std::make_unique<Win32Worker>(handle);
  session_->workers.emplace(worker, handle);
  session_->loop->post([weak = std::weak_ptr<Session>(session_), handle] {
    if (const auto session = weak.lock()) begin(session, handle);
  });
  return process;
}

void Win32Backend::begin(const std::shared_ptr<Session>& session,
                         const std::shared_ptr<WorkerHandle>& worker) {
  if (!session->open) return;
  std::error_code error;
  std::string what = "the worker program cannot be run";
  try {
    error = worker->start(session->request, *session->bell);
    if (!error) listen(session, worker);
  } catch (const SpawnError& failure) {
    error = failure.code();
    what = failure.what();
  } catch (const std::exception& failure) {
    error = std::make_error_code(std::errc::not_enough_memory);
    what = failure.what();
  }
  if (error) {
    worker->watches().bell.reset();
    worker->watches().exit.reset();
    worker->kill(signal_of_kill);
    worker->wait_until_dead(Deadline(death_patience));
    worker->set_ended();
    session->workers.erase(worker->id());
    session->events->start_failed(worker->id(), error, what);
    return;
  }
  session->events->started(worker->id(), worker->pid());
}

/// What the worker's events and its end set in motion. All of it comes through the loop, so after started().
void Win32Backend::listen(const std::shared_ptr<Session>& session,
                          const std::shared_ptr<WorkerHandle>& worker) {
  const std::weak_ptr<WorkerHandle> weak = worker;
  const auto serve_ring = [weak_session = std::weak_ptr<Session>(session), weak] {
    const auto rung_session = weak_session.lock();
    const auto rung = weak.lock();
    if (!rung_session || !rung) return;
    rung->watches().rang.store(false, std::memory_order_seq_cst);
    if (rung_session->open && rung_session->workers.contains(rung->id())) {
      rung_session->events->rang(rung->id());
    }
  };
  EventLoop* const loop = session->loop;
  // The worker's handle outlives its waits, whose destructors wait for these.
  worker->watches().bell = std::make_unique<RegisteredWait>(
      worker->loop_bell(), RegisteredWait::Times::each, [loop, serve_ring, handle = worker.get()] {
        if (!handle->watches().rang.exchange(true, std::memory_order_seq_cst)) post_surely(*loop, serve_ring);
      });
  await_exit(session, worker, worker->process(), std::nullopt);
}

void Win32Backend::await_exit(const std::shared_ptr<Session>& session,
                              const std::shared_ptr<WorkerHandle>& worker, HANDLE object,
                              std::optional<Duration> timeout) {
  const auto serve = [weak_session = std::weak_ptr<Session>(session),
                      weak = std::weak_ptr<WorkerHandle>(worker)] {
    const auto ended_session = weak_session.lock();
    const auto ended = weak.lock();
    if (ended_session && ended && ended_session->open) serve_exit(ended_session, ended);
  };
  worker->watches().exit = std::make_unique<RegisteredWait>(
      object, RegisteredWait::Times::once, [loop = session->loop, serve] { post_surely(*loop, serve); },
      timeout);
}

void Win32Backend::serve_exit(const std::shared_ptr<Session>& session,
                              const std::shared_ptr<WorkerHandle>& worker) {
  worker->watches().bell.reset();
  worker->watches().exit.reset();
  if (!worker->watches().patience) worker->watches().patience.emplace(descendant_patience);
  worker->watches().survivor = worker->end_descendants();
  if (worker->watches().survivor && !worker->watches().patience->passed()) {
    try {
      await_exit(session, worker, worker->watches().survivor.get(), std::chrono::milliseconds(100));
      return;
    } catch (...) {
      // No memory to wait with: what is left was told to die, and nobody hears of it.
      worker->watches().survivor.reset();
    }
  }
  const ExitStatus status = worker->status();
  worker->set_ended();
  session->workers.erase(worker->id());
  session->events->exited(worker->id(), status);
}

void Win32Backend::close() noexcept {
  const std::shared_ptr<Session> session = std::exchange(session_, nullptr);
  if (!session) return;
  session->open = false;
  for (const auto& [id, worker] : session->workers) worker->kill(signal_of_kill);
  const Deadline deadline(death_patience);
  for (const auto& [id, worker] : session->workers) {
    worker->wait_until_dead(deadline);
    worker->watches().bell.reset();
    worker->watches().exit.reset();
    worker->set_ended();
  }
  session->workers.clear();
}

}  // namespace procpool::win32
