// SPDX-License-Identifier: MIT
#include "helpers/faulty_backend.hpp"

#include <procpool/errors.hpp>

#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace procpool::testing {
namespace {

struct Fault {
  int count = 0;
  std::errc error{};

  bool strike() {
    if (count <= 0) return false;
    --count;
    return true;
  }
};

constexpr std::size_t page = 4096;

struct FreePages {
  void operator()(std::byte* bytes) const { ::operator delete(bytes, std::align_val_t(page)); }
};

// The host's end of a worker that never was.
class StillbornProcess final : public WorkerProcess {
 public:
  explicit StillbornProcess(std::size_t size)
      : size_(size), bytes_(static_cast<std::byte*>(::operator new(size, std::align_val_t(page)))) {
    for (std::byte& byte : memory()) byte = std::byte{0};
  }
  std::span<std::byte> memory() noexcept override { return {bytes_.get(), size_}; }
  void ring() noexcept override {}
  void kill() noexcept override {}
  void signal(int) noexcept override {}
  void nudge() noexcept override {}
  bool ended() noexcept override { return false; }
  std::optional<MemorySize> footprint() noexcept override { return std::nullopt; }
  NativeHandle sentinel() noexcept override { return -1; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte, FreePages> bytes_;
};

}  // namespace

// Stands between the inner backend and the Pool's events. Shared, as posted actions may outlive the backend.
class FaultyBackend::State final : public ProcessEvents, public std::enable_shared_from_this<State> {
 public:
  mutable std::mutex mutex;
  EventLoop* loop = nullptr;
  ProcessEvents* events = nullptr;  // null when closed
  std::size_t opening = 0;          // counts them
  Fault open_fault, throwing_start, failing_start, lost_ring_to_worker, lost_ring_to_loop;
  bool repeating_rings = false;
  bool holding_exits = false;
  std::vector<std::pair<WorkerId, ExitStatus>> held;

  void started(WorkerId worker, Pid pid) override {
    if (ProcessEvents* e = listener()) e->started(worker, pid);
  }
  void start_failed(WorkerId worker, std::error_code error, std::string_view what) override {
    if (ProcessEvents* e = listener()) e->start_failed(worker, error, what);
  }
  void rang(WorkerId worker) override {
    bool twice = false;
    {
      const std::lock_guard lock(mutex);
      if (lost_ring_to_loop.strike()) return;
      twice = repeating_rings;
    }
    if (ProcessEvents* e = listener()) e->rang(worker);
    if (!twice) return;
    if (ProcessEvents* e = listener()) e->rang(worker);
  }
  void exited(WorkerId worker, ExitStatus status) override {
    {
      const std::lock_guard lock(mutex);
      if (holding_exits) {
        held.emplace_back(worker, status);
        return;
      }
    }
    if (ProcessEvents* e = listener()) e->exited(worker, status);
  }

  // With the mutex held. Runs `tell` on the loop unless the backend has been closed by then.
  template <class Tell>
  void post(Tell tell) {
    loop->post([self = shared_from_this(), of = opening, tell = std::move(tell)] {
      ProcessEvents* e = self->listener();
      if (e && self->is_opening(of)) tell(*e);
    });
  }

 private:
  ProcessEvents* listener() const {
    const std::lock_guard lock(mutex);
    return events;
  }
  bool is_opening(std::size_t number) const {
    const std::lock_guard lock(mutex);
    return opening == number;
  }
};

namespace {

class ForwardingProcess final : public WorkerProcess {
 public:
  ForwardingProcess(std::unique_ptr<WorkerProcess> inner, std::function<bool()> loses_ring)
      : inner_(std::move(inner)), loses_ring_(std::move(loses_ring)) {}
  std::span<std::byte> memory() noexcept override { return inner_->memory(); }
  void ring() noexcept override {
    if (!loses_ring_()) inner_->ring();
  }
  void kill() noexcept override { inner_->kill(); }
  void signal(int signum) noexcept override { inner_->signal(signum); }
  void nudge() noexcept override { inner_->nudge(); }
  bool ended() noexcept override { return inner_->ended(); }
  std::optional<MemorySize> footprint() noexcept override { return inner_->footprint(); }
  NativeHandle sentinel() noexcept override { return inner_->sentinel(); }
  std::string stderr_tail() override { return inner_->stderr_tail(); }

 private:
  std::unique_ptr<WorkerProcess> inner_;
  std::function<bool()> loses_ring_;
};

}  // namespace

FaultyBackend::FaultyBackend(std::shared_ptr<ProcessBackend> inner)
    : inner_(std::move(inner)), state_(std::make_shared<State>()) {}

FaultyBackend::~FaultyBackend() = default;

void FaultyBackend::throw_from_open(int count, std::errc error) {
  const std::lock_guard lock(state_->mutex);
  state_->open_fault = {count, error};
}

void FaultyBackend::throw_from_start(int count, std::errc error) {
  const std::lock_guard lock(state_->mutex);
  state_->throwing_start = {count, error};
}

void FaultyBackend::fail_starts(int count, std::errc error) {
  const std::lock_guard lock(state_->mutex);
  state_->failing_start = {count, error};
}

void FaultyBackend::lose_rings_to_workers(int count) {
  const std::lock_guard lock(state_->mutex);
  state_->lost_ring_to_worker.count = count;
}

void FaultyBackend::lose_rings_to_loop(int count) {
  const std::lock_guard lock(state_->mutex);
  state_->lost_ring_to_loop.count = count;
}

void FaultyBackend::repeat_rings(bool on) {
  const std::lock_guard lock(state_->mutex);
  state_->repeating_rings = on;
}

void FaultyBackend::hold_exits() {
  const std::lock_guard lock(state_->mutex);
  state_->holding_exits = true;
}

void FaultyBackend::release_exits() {
  const std::lock_guard lock(state_->mutex);
  state_->holding_exits = false;
  const auto held = std::exchange(state_->held, {});
  if (!state_->events) return;
  for (const auto& exit : held) {
    state_->post([exit](ProcessEvents& e) { e.exited(exit.first, exit.second); });
  }
}

std::size_t FaultyBackend::held_exits() const {
  const std::lock_guard lock(state_->mutex);
  return state_->held.size();
}

void FaultyBackend::open(const WorkerSetup& setup, EventLoop& loop, ProcessEvents& events) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->open_fault.strike()) {
      throw SpawnError("injected failure of open()", std::make_error_code(state_->open_fault.error));
    }
    state_->loop = &loop;
    state_->events = &events;
    ++state_->opening;
  }
  inner_->open(setup, loop, *state_);
}

std::unique_ptr<WorkerProcess> FaultyBackend::start(WorkerId worker, std::size_t memory_bytes) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->throwing_start.strike()) {
      throw SpawnError("injected failure of start()", std::make_error_code(state_->throwing_start.error));
    }
    if (state_->failing_start.strike()) {
      state_->post([worker, error = std::make_error_code(state_->failing_start.error)](ProcessEvents& e) {
        e.start_failed(worker, error, "injected failure of a start");
      });
      return std::make_unique<StillbornProcess>(memory_bytes);
    }
  }
  return std::make_unique<ForwardingProcess>(inner_->start(worker, memory_bytes), [state = state_] {
    const std::lock_guard lock(state->mutex);
    return state->lost_ring_to_worker.strike();
  });
}

HostBell& FaultyBackend::bell() noexcept {
  return inner_->bell();
}

bool FaultyBackend::enforces_memory_limit() const noexcept {
  return inner_->enforces_memory_limit();
}

void FaultyBackend::close() noexcept {
  {
    const std::lock_guard lock(state_->mutex);
    state_->events = nullptr;
    state_->held.clear();
  }
  inner_->close();
}

}  // namespace procpool::testing
