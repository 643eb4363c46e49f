// SPDX-License-Identifier: MIT
#include "win32/worker_main.hpp"

#include "win32/crash_handler.hpp"
#include "win32/nudge_thread.hpp"
#include "win32/process_setup.hpp"
#include "win32/shared_memory.hpp"
#include "win32/start_record.hpp"
#include "win32/system_error.hpp"
#include "win32/wait_time.hpp"

#include <procpool/process_backend.hpp>

#include <cstdio>
#include <utility>

namespace procpool::win32 {

namespace {

/// Ends the process as it is: neither exit handlers nor the destructors of static objects are run.
[[noreturn]] void end_process(UINT code) noexcept {
  ::TerminateProcess(::GetCurrentProcess(), code);
  for (;;) ::Sleep(INFINITE);  // not reached
}

HANDLE to_handle(std::uint64_t value) noexcept {
  return reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(value));
}

class EventLink final : public WorkerLink {
 public:
  EventLink(SharedMapping mapping, const StartRecord& record)
      : mapping_(std::move(mapping)),
        doorbell_(to_handle(record.doorbell)),
        loop_bell_(to_handle(record.loop_bell)),
        leader_bell_(to_handle(record.leader_bell)),
        host_(to_handle(record.host_process)) {}

  [[nodiscard]] std::span<std::byte> memory() noexcept override { return mapping_.memory(); }

  Wake wait(std::optional<Duration> timeout) noexcept override {
    const Deadline deadline(timeout);
    const HANDLE objects[] = {doorbell_.get(), host_.get()};
    for (;;) {
      switch (::WaitForMultipleObjects(2, objects, FALSE, deadline.milliseconds_left())) {
        case WAIT_OBJECT_0:
          return Wake::rung;
        case WAIT_TIMEOUT:
          if (deadline.passed()) return Wake::timed_out;
          break;
        default:
          return Wake::host_gone;
      }
    }
  }

  void ring(Bell bell) noexcept override {
    ::SetEvent(bell == Bell::leader ? leader_bell_.get() : loop_bell_.get());
  }

 private:
  SharedMapping mapping_;
  UniqueHandle doorbell_;
  UniqueHandle loop_bell_;
  UniqueHandle leader_bell_;
  UniqueHandle host_;
};

}  // namespace

void be_worker(UniqueHandle pipe) noexcept {
  avoid_dialogs();
  StartRecord record;
  if (!receive_start_record(pipe.get(), record)) end_process(bad_role);
  pipe.reset();
  if (record.kind == StartRecord::Kind::probe) end_process(probe_answer);
  // ^C and ^Break come to all processes of a console, and are the host's to answer.
  ::SetConsoleCtrlHandler(nullptr, TRUE);
  ::SetConsoleCtrlHandler(
      [](DWORD event) -> BOOL { return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT; }, TRUE);

  const UniqueHandle memory(to_handle(record.memory));
  SharedMapping mapping = map_shared_memory(memory.get(), static_cast<std::size_t>(record.memory_bytes));
  if (mapping.memory().empty()) {
    std::fprintf(stderr, "procpool: a worker cannot map its memory: %s\n", last_error().message().c_str());
    std::fflush(stderr);
    end_process(setup_failed);
  }
  report_crashes(mapping.memory());
  EventLink link(std::move(mapping), record);
  if (!start_nudge_thread(to_handle(record.nudge), to_handle(record.host_process))) {
    std::fprintf(stderr, "procpool: a worker cannot start a thread\n");
    std::fflush(stderr);
    end_process(setup_failed);
  }
  const int code = run_worker(link);
  flush_stdio();
  end_process(static_cast<UINT>(code));
}

}  // namespace procpool::win32
