// SPDX-License-Identifier: MIT
#include "helpers/in_memory_backend.hpp"

#include "helpers/zero_memory.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace procpool::testing {
namespace in_memory {
namespace {

// Above any pid that a system gives out, so that a test that mixes the two up kills nobody.
constexpr Pid first_pid = 50'000'000;

struct Unwind {};

class Bell final : public HostBell {
 public:
  bool wait(Duration timeout) noexcept override {
    std::unique_lock lock(mutex_);
    rung_.wait_for(lock, timeout, [this] { return set_; });
    return std::exchange(set_, false);
  }
  void ring() noexcept override {
    const std::lock_guard lock(mutex_);
    set_ = true;
    rung_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable rung_;
  bool set_ = false;
};

}  // namespace

// Everything below is guarded by Backend::mutex, but for what never changes and the memory.
struct Worker {
  WorkerId id = 0;
  Pid pid = 0;
  std::unique_ptr<ZeroMemory> memory;
  std::condition_variable changed;
  bool rung = false;
  bool loop_told = false;            // a rang() is on its way
  std::optional<ExitStatus> ending;  // somebody ended it; it parks at the next occasion
  bool ended = false;                // it is parked or gone: exited() is posted
  bool finished = false;             // its thread has left run_worker
  std::string stderr_tail;
};

struct Backend : std::enable_shared_from_this<Backend> {
  InMemoryBackend::WorkerMain worker_main;
  mutable std::mutex mutex;
  EventLoop* loop = nullptr;
  ProcessEvents* events = nullptr;
  bool open = false;
  std::size_t opening = 0;  // counts them
  bool closing = false;
  Bell bell;
  std::condition_variable thread_finished;
  std::map<WorkerId, std::shared_ptr<Worker>> workers;  // of this opening
  std::deque<std::thread> threads;
  MemorySize footprint = MiB;
  std::size_t kept_stderr = 0;
  int failing_starts = 0;
  std::errc start_error{};
  int early_exits = 0;
  ExitStatus early_status;
  std::size_t starts = 0;
  std::size_t kills = 0;
  std::size_t nudges = 0;
  std::vector<int> signals;

  // Runs `tell` on the loop unless the backend is closed by then, or closed and opened again. With the mutex
  // held.
  template <class Tell>
  void post(Tell tell) {
    loop->post([self = shared_from_this(), of = opening, tell = std::move(tell)] {
      ProcessEvents* listener = nullptr;
      {
        const std::lock_guard lock(self->mutex);
        if (self->open && self->opening == of) listener = self->events;
      }
      if (listener) tell(*listener);
    });
  }

  // The worker is dead from now on. With the mutex held.
  void end(Worker& worker, ExitStatus status) {
    if (worker.ended) return;
    worker.ended = true;
    if (!closing) post([id = worker.id, status](ProcessEvents& e) { e.exited(id, status); });
  }

  void begin_to_end(Worker& worker, ExitStatus status) {
    if (!worker.ending) worker.ending = status;
    worker.changed.notify_all();
  }

  // Keeps a dead worker's thread from running on until close(). Returns at once for one that lives.
  void park_if_dead(Worker& worker, std::unique_lock<std::mutex>& lock) {
    if (worker.ending) end(worker, *worker.ending);
    worker.changed.wait(lock, [&] { return !worker.ended || closing; });
  }
};

namespace {

struct Here {
  Backend* backend = nullptr;
  Worker* worker = nullptr;
};
thread_local Here here;

class Link final : public WorkerLink {
 public:
  Link(Backend& backend, Worker& worker) : backend_(backend), worker_(worker) {}

  std::span<std::byte> memory() noexcept override { return worker_.memory->bytes(); }

  Wake wait(std::optional<Duration> timeout) noexcept override {
    std::unique_lock lock(backend_.mutex);
    const auto woken = [this] { return worker_.rung || worker_.ending || worker_.ended || backend_.closing; };
    if (timeout) {
      worker_.changed.wait_for(lock, *timeout, woken);
    } else {
      worker_.changed.wait(lock, woken);
    }
    backend_.park_if_dead(worker_, lock);
    if (backend_.closing) return Wake::host_gone;
    return std::exchange(worker_.rung, false) ? Wake::rung : Wake::timed_out;
  }

  void ring(Bell bell) noexcept override {
    std::unique_lock lock(backend_.mutex);
    backend_.park_if_dead(worker_, lock);
    if (backend_.closing) return;
    if (bell == Bell::leader) {
      backend_.bell.ring();
    } else if (!std::exchange(worker_.loop_told, true)) {
      backend_.post([backend = &backend_, id = worker_.id](ProcessEvents& e) {
        {
          const std::lock_guard guard(backend->mutex);
          const auto found = backend->workers.find(id);
          if (found == backend->workers.end() || found->second->ended) return;
          found->second->loop_told = false;
        }
        e.rang(id);
      });
    }
  }

 private:
  Backend& backend_;
  Worker& worker_;
};

void run(const std::shared_ptr<Backend>& backend, const std::shared_ptr<Worker>& worker,
         std::optional<ExitStatus> early) {
  here = {backend.get(), worker.get()};
  Link link(*backend, *worker);
  const ExitStatus status = early ? *early : ExitStatus::from_code(backend->worker_main(link));
  here = {};
  const std::lock_guard lock(backend->mutex);
  backend->end(*worker, status);
  worker->finished = true;
  backend->thread_finished.notify_all();
}

class Process final : public WorkerProcess {
 public:
  Process(std::shared_ptr<Backend> backend, std::shared_ptr<Worker> worker)
      : backend_(std::move(backend)), worker_(std::move(worker)) {}

  std::span<std::byte> memory() noexcept override { return worker_->memory->bytes(); }
  void ring() noexcept override {
    const std::lock_guard lock(backend_->mutex);
    worker_->rung = true;
    worker_->changed.notify_all();
  }
  void kill() noexcept override {
    const std::lock_guard lock(backend_->mutex);
    ++backend_->kills;
    backend_->begin_to_end(*worker_, ExitStatus::from_signal(9));
  }
  void signal(int signum) noexcept override {
    const std::lock_guard lock(backend_->mutex);
    backend_->signals.push_back(signum);
    if (signum == 9 || signum == SIGTERM) backend_->begin_to_end(*worker_, ExitStatus::from_signal(signum));
  }
  void nudge() noexcept override {
    const std::lock_guard lock(backend_->mutex);
    ++backend_->nudges;
  }
  bool ended() noexcept override {
    const std::lock_guard lock(backend_->mutex);
    return worker_->ended;
  }
  std::optional<MemorySize> footprint() noexcept override {
    const std::lock_guard lock(backend_->mutex);
    if (worker_->ended) return std::nullopt;
    return backend_->footprint;
  }
  NativeHandle sentinel() noexcept override { return -1; }
  std::string stderr_tail() override {
    const std::lock_guard lock(backend_->mutex);
    return worker_->stderr_tail;
  }

 private:
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Worker> worker_;
};

}  // namespace

bool inside_worker() noexcept {
  return here.worker != nullptr;
}

Pid this_worker_pid() noexcept {
  return here.worker ? here.worker->pid : 0;
}

WorkerId worker_of(Pid pid) noexcept {
  return static_cast<WorkerId>(pid - first_pid);
}

std::span<std::byte> this_worker_memory() noexcept {
  return here.worker ? here.worker->memory->bytes() : std::span<std::byte>();
}

void write_stderr(std::string_view text) {
  if (!here.worker) std::abort();
  const std::lock_guard lock(here.backend->mutex);
  std::string& tail = here.worker->stderr_tail;
  tail += text;
  if (tail.size() > here.backend->kept_stderr) tail.erase(0, tail.size() - here.backend->kept_stderr);
}

void die(ExitStatus status) {
  if (!here.worker) std::abort();
  {
    std::unique_lock lock(here.backend->mutex);
    here.backend->begin_to_end(*here.worker, status);
    here.backend->park_if_dead(*here.worker, lock);
  }
  throw Unwind{};
}

void hang() {
  if (!here.worker) std::abort();
  {
    std::unique_lock lock(here.backend->mutex);
    here.worker->changed.wait(lock, [] { return here.worker->ending || here.backend->closing; });
    here.backend->park_if_dead(*here.worker, lock);
  }
  throw Unwind{};
}

void check_alive() {
  if (!here.worker) return;
  std::unique_lock lock(here.backend->mutex);
  here.backend->park_if_dead(*here.worker, lock);
  if (here.backend->closing) {
    lock.unlock();
    throw Unwind{};
  }
}

}  // namespace in_memory

using in_memory::Worker;

InMemoryBackend::InMemoryBackend(WorkerMain worker_main) : state_(std::make_shared<in_memory::Backend>()) {
  state_->worker_main = std::move(worker_main);
}

InMemoryBackend::~InMemoryBackend() {
  close();
}

void InMemoryBackend::fail_next_starts(int count, std::errc error) {
  const std::lock_guard lock(state_->mutex);
  state_->failing_starts = count;
  state_->start_error = error;
}

void InMemoryBackend::exit_next_before_hello(int count, ExitStatus status) {
  const std::lock_guard lock(state_->mutex);
  state_->early_exits = count;
  state_->early_status = status;
}

void InMemoryBackend::end_from_outside(WorkerId worker, ExitStatus status) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->workers.find(worker);
  if (found != state_->workers.end()) state_->begin_to_end(*found->second, status);
}

void InMemoryBackend::set_footprint(MemorySize size) {
  const std::lock_guard lock(state_->mutex);
  state_->footprint = size;
}

std::size_t InMemoryBackend::starts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->starts;
}

std::size_t InMemoryBackend::kills() const {
  const std::lock_guard lock(state_->mutex);
  return state_->kills;
}

std::size_t InMemoryBackend::nudges() const {
  const std::lock_guard lock(state_->mutex);
  return state_->nudges;
}

std::vector<int> InMemoryBackend::signals() const {
  const std::lock_guard lock(state_->mutex);
  return state_->signals;
}

std::vector<WorkerId> InMemoryBackend::alive() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<WorkerId> ids;
  for (const auto& [id, worker] : state_->workers) {
    if (!worker->ended) ids.push_back(id);
  }
  return ids;
}

void InMemoryBackend::open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) {
  const std::lock_guard lock(state_->mutex);
  state_->loop = &loop;
  state_->kept_stderr = static_cast<std::size_t>(setup.capture_stderr.value_or(MemorySize{}).bytes());
  state_->events = &events;
  state_->open = true;
  ++state_->opening;
  state_->closing = false;
}

std::unique_ptr<WorkerProcess> InMemoryBackend::start(WorkerId id, std::size_t memory_bytes) {
  auto worker = std::make_shared<Worker>();
  worker->id = id;
  worker->pid = in_memory::first_pid + static_cast<Pid>(id);
  worker->memory = std::make_unique<ZeroMemory>(memory_bytes);

  const std::lock_guard lock(state_->mutex);
  ++state_->starts;
  if (state_->failing_starts > 0) {
    --state_->failing_starts;
    worker->ended = true;
    state_->post([id, error = std::make_error_code(state_->start_error)](ProcessEvents& e) {
      e.start_failed(id, error, "the test's script says that this start fails");
    });
    return std::make_unique<in_memory::Process>(state_, std::move(worker));
  }

  std::optional<ExitStatus> early;
  if (state_->early_exits > 0) {
    --state_->early_exits;
    early = state_->early_status;
  }
  try {
    // The thread needs the mutex to tell anything, so that started() comes first.
    state_->threads.emplace_back(in_memory::run, state_, worker, early);
  } catch (const std::system_error& error) {
    throw SpawnError("cannot start a thread that plays a worker", error.code());
  }
  state_->post([id, pid = worker->pid](ProcessEvents& e) { e.started(id, pid); });
  state_->workers.emplace(id, worker);
  return std::make_unique<in_memory::Process>(state_, std::move(worker));
}

HostBell& InMemoryBackend::bell() noexcept {
  return state_->bell;
}

void InMemoryBackend::close() noexcept {
  std::deque<std::thread> threads;
  {
    std::unique_lock lock(state_->mutex);
    if (!state_->open) return;
    state_->open = false;
    state_->closing = true;
    for (const auto& [id, worker] : state_->workers) worker->changed.notify_all();
    const auto all_finished = [this] {
      return std::all_of(state_->workers.begin(), state_->workers.end(),
                         [](const auto& entry) { return entry.second->finished; });
    };
    if (!state_->thread_finished.wait_for(lock, std::chrono::seconds(10), all_finished)) {
      std::fputs("InMemoryBackend: a task runs on after close(); let it call hang() or check_alive()\n",
                 stderr);
      std::abort();
    }
    threads.swap(state_->threads);
  }
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(state_->mutex);
  state_->workers.clear();
}

}  // namespace procpool::testing
