// SPDX-License-Identifier: MIT
#include "win32/worker_handle.hpp"

#include "win32/footprint.hpp"
#include "win32/system_error.hpp"

#include <algorithm>
#include <utility>

namespace procpool::win32 {

namespace {

/// With what a worker that was killed ends. No program is likely to end so by itself: neither a small number
/// nor an NTSTATUS. Only a worker that we have killed is taken at this word.
constexpr UINT kill_code(int signum) noexcept {
  return 0x50510000U | (static_cast<UINT>(signum) & 0xFFFFU);
}

void check(const UniqueHandle& handle, const char* what) {
  if (!handle) throw_spawn_error(what, last_error());
}

}  // namespace

WorkerHandle::WorkerHandle(WorkerId id, std::size_t memory_bytes, std::optional<MemorySize> memory_limit)
    : id_(id), job_(memory_limit) {
  memory_ = create_shared_memory(memory_bytes);
  check(memory_, "cannot make shared memory (CreateFileMapping)");
  mapping_ = map_shared_memory(memory_.get(), memory_bytes);
  if (mapping_.memory().empty()) throw_spawn_error("cannot map shared memory (MapViewOfFile)", last_error());
  for (UniqueHandle* event : {&doorbell_, &loop_bell_, &nudge_}) {
    *event = make_event();
    check(*event, "cannot make a worker's bell (CreateEvent)");
  }
}

std::error_code WorkerHandle::start(SpawnRequest request, const EventBell& bell) {
  StartPipe pipe = make_start_pipe();
  request.pipe = pipe.read.get();
  request.job = job_.handle();
  SpawnedProcess spawned;
  if (const auto error = spawn_program(request, spawned)) return error;
  pipe.read.reset();

  const std::lock_guard lock(mutex_);
  process_ = std::move(spawned.process);
  pid_ = spawned.pid;
  const std::error_code error = hand_over(pipe.write.get(), bell);
  memory_.reset();
  if (!error) {
    if (kill_signum_) terminate();
    return {};
  }
  if (::WaitForSingleObject(process_.get(), 0) == WAIT_OBJECT_0) return {};  // it has ended by itself
  ::TerminateProcess(process_.get(), setup_failed);
  wait_for(process_.get(), Deadline(std::chrono::seconds(5)));
  return error;
}

/// A handle for the worker alone, with no more rights than it needs.
std::error_code WorkerHandle::give(HANDLE mine, DWORD rights, std::uint64_t& theirs) noexcept {
  HANDLE given = nullptr;
  if (::DuplicateHandle(::GetCurrentProcess(), mine, process_.get(), &given, rights, FALSE, 0) == 0) {
    return last_error();
  }
  theirs = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(given));
  return {};
}

std::error_code WorkerHandle::hand_over(HANDLE pipe, const EventBell& bell) {
  StartRecord record;
  record.kind = StartRecord::Kind::work;
  record.memory_bytes = mapping_.memory().size();
  std::error_code error = give(memory_.get(), FILE_MAP_READ | FILE_MAP_WRITE, record.memory);
  if (!error) error = give(doorbell_.get(), SYNCHRONIZE, record.doorbell);
  if (!error) error = give(loop_bell_.get(), EVENT_MODIFY_STATE, record.loop_bell);
  if (!error) error = give(bell.event(), EVENT_MODIFY_STATE, record.leader_bell);
  if (!error) error = give(nudge_.get(), SYNCHRONIZE, record.nudge);
  if (!error) error = give(::GetCurrentProcess(), SYNCHRONIZE, record.host_process);
  if (!error) error = send_start_record(pipe, record);
  return error;
}

void WorkerHandle::kill(int signum) noexcept {
  const std::lock_guard lock(mutex_);
  if (!kill_signum_) kill_signum_ = signum;
  if (process_ && !ended_) terminate();
}

void WorkerHandle::terminate() noexcept {
  const UINT code = kill_code(kill_signum_.value_or(signal_of_kill));
  if (!job_.terminate(code)) ::TerminateProcess(process_.get(), code);
}

std::optional<MemorySize> WorkerHandle::footprint() noexcept {
  const std::lock_guard lock(mutex_);
  if (!process_ || ended_) return std::nullopt;
  return read_footprint(process_.get());
}

bool WorkerHandle::ended() noexcept {
  const std::lock_guard lock(mutex_);
  return ended_ || (process_ && ::WaitForSingleObject(process_.get(), 0) == WAIT_OBJECT_0);
}

NativeHandle WorkerHandle::sentinel() noexcept {
  const std::lock_guard lock(mutex_);
  return process_ ? reinterpret_cast<NativeHandle>(process_.get()) : -1;
}

UniqueHandle WorkerHandle::end_descendants() noexcept {
  if (!process_) return {};
  // The worker itself is dead, and keeps the code that it has ended with.
  job_.terminate(kill_code(signal_of_kill));
  return job_.survivor(static_cast<DWORD>(pid_));
}

ExitStatus WorkerHandle::status() noexcept {
  DWORD code = 0;
  if (::GetExitCodeProcess(process_.get(), &code) == 0) return {};
  const std::lock_guard lock(mutex_);
  if (kill_signum_ && code == kill_code(*kill_signum_)) return ExitStatus::from_signal(*kill_signum_);
  return ExitStatus::from_code(code);
}

void WorkerHandle::wait_until_dead(const Deadline& deadline) noexcept {
  if (!process_) return;
  wait_for(process_.get(), deadline);
  while (const UniqueHandle left = end_descendants()) {
    if (deadline.passed() || !wait_for(left.get(), deadline)) return;
  }
}

void WorkerHandle::set_ended() noexcept {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

}  // namespace procpool::win32
