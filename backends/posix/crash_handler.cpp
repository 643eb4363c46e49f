// SPDX-License-Identifier: MIT
#include "posix/crash_handler.hpp"

#include "channel/layout.hpp"
#include "posix/crash_system.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

namespace procpool::posix {

namespace {

constexpr std::array crash_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

/// Seconds that the report may take before the process dies without the rest of it.
constexpr unsigned patience = 2;

/// Room for the state of the widest vector registers, the unwinder, and a handler within the handler. Only
/// what is touched takes memory.
constexpr std::size_t stack_size = std::size_t{256} << 10;
constexpr std::size_t guard_size = std::size_t{64} << 10;

/// The unwinder begins in the handler: so many frames belong to that, at most.
constexpr int most_frames_of_handler = 16;

enum class Step : int { stack, caller, images, done };

// What the handlers work with. The process has one crash: after the first signal nothing here is set again,
// `step` apart, which only grows.
detail::CrashArea* area = nullptr;
pid_t worker = 0;
std::atomic<bool> crashing{false};
std::atomic<pthread_t> crashing_thread{};
std::atomic<int> step{0};
int first_signal = 0;
siginfo_t first_info;
CrashRegisters registers;

static_assert(std::atomic<pthread_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void change_mask(int how, int signum) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signum);
  ::pthread_sigmask(how, &set, nullptr);
}

void restore_default(int signum) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  ::sigaction(signum, &action, nullptr);
}

/// Lets the signal do what it would have done without us, as soon as its handler returns: then the core dump
/// shows the registers of the crash.
void end_at_return(int signum, siginfo_t* info) noexcept {
  restore_default(signum);
  change_mask(SIG_BLOCK, signum);
  resend_signal(signum, info);
}

/// The same from a place that cannot return.
[[noreturn]] void end_here() noexcept {
  restore_default(first_signal);
  change_mask(SIG_UNBLOCK, first_signal);
  resend_signal(first_signal, &first_info);
  ::_exit(128 + first_signal);
}

void add_frame(std::uintptr_t address) noexcept {
  const std::uint32_t count = area->frame_count.load(std::memory_order_relaxed);
  if (count >= detail::most_crash_frames) return;
  area->frames[count] = address;
  area->frame_count.store(count + 1, std::memory_order_release);
}

struct Walk {
  std::uintptr_t crashed_at;
  bool in_handler = true;
  int left = most_frames_of_handler + static_cast<int>(detail::most_crash_frames);
};

_Unwind_Reason_Code visit_frame(_Unwind_Context* context, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  int before_instruction = 0;
  const std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (--walk.left <= 0 || address == 0) return _URC_END_OF_STACK;
  if (!walk.in_handler) {
    // A return address may belong to the next function already, if the call never returns.
    add_frame(before_instruction != 0 ? address : address - 1);
  } else if (address == walk.crashed_at) {
    walk.in_handler = false;
  }
  return _URC_NO_REASON;
}

void write_stack() noexcept {
  Walk walk{registers.instruction};
  if (registers.stack != 0) {
    add_frame(registers.instruction);
  } else {
    walk.in_handler = false;  // cannot be told apart
  }
  _Unwind_Backtrace(&visit_frame, &walk);
}

/// A call that went astray leads to where nothing is known of the stack: who would be returned to?
void write_caller() noexcept {
  if (area->frame_count.load(std::memory_order_relaxed) > 1) return;
  if (registers.return_on_stack && registers.stack % alignof(std::uintptr_t) == 0) {
    add_frame(*reinterpret_cast<const std::uintptr_t*>(registers.stack) - 1);
  } else if (registers.link != 0) {
    add_frame(registers.link - 1);
  }
}

/// Each step begins once, so that a fault in one leads to the next.
void write_rest() noexcept {
  for (;;) {
    switch (static_cast<Step>(step.fetch_add(1, std::memory_order_relaxed))) {
      case Step::stack:
        write_stack();
        break;
      case Step::caller:
        write_caller();
        break;
      case Step::images:
        write_crash_images(*area);
        break;
      case Step::done:
      default:
        return;
    }
  }
}

void end_of_patience(int /*signum*/) {
  end_here();
}

void limit_report() noexcept {
  struct sigaction action {};
  action.sa_handler = &end_of_patience;
  sigfillset(&action.sa_mask);
  ::sigaction(SIGALRM, &action, nullptr);
  change_mask(SIG_UNBLOCK, SIGALRM);
  ::alarm(patience);
}

void begin_report(int signum, siginfo_t* info, const void* context) noexcept {
  first_signal = signum;
  first_info = *info;
  registers = crash_registers(context);
  area->cause = static_cast<std::uint32_t>(signum);
  // What was sent by a process has no address, nor has what the kernel cannot put an address to.
  const bool by_access =
      (signum == SIGSEGV && (info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR)) ||
      (signum == SIGBUS && (info->si_code == BUS_ADRALN || info->si_code == BUS_ADRERR));
  area->has_fault_address = by_access ? 1 : 0;
  area->fault_address = by_access ? reinterpret_cast<std::uintptr_t>(info->si_addr) : 0;
}

void on_crash(int signum, siginfo_t* info, void* context) {
  // What the worker has forked has these handlers too, and no channel.
  if (::getpid() == worker) {
    const pthread_t self = ::pthread_self();
    if (!crashing.exchange(true)) {
      crashing_thread = self;
      begin_report(signum, info, context);
      limit_report();
      write_rest();
    } else if (::pthread_equal(crashing_thread, self) != 0) {
      write_rest();
      end_here();
    } else {
      for (;;) ::pause();  // the thread that came first is about to end the process
    }
  }
  end_at_return(signum, info);
}

void give_thread_a_stack() noexcept {
  stack_t present{};
  if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0 &&
      present.ss_size >= stack_size) {
    return;
  }
  void* const memory =
      ::mmap(nullptr, guard_size + stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (memory == MAP_FAILED) return;  // all but the overflow of a stack is told without
  ::mprotect(memory, guard_size, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + guard_size;
  stack.ss_size = stack_size;
  ::sigaltstack(&stack, nullptr);  // the process keeps it to its end
}

_Unwind_Reason_Code visit_one_frame(_Unwind_Context* context, void* /*data*/) {
  int before_instruction = 0;
  return _Unwind_GetIPInfo(context, &before_instruction) != 0 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

void report_crashes(std::span<std::byte> memory) noexcept {
  if (memory.size() < sizeof(detail::ChannelMemory)) return;
  area = &reinterpret_cast<detail::ChannelMemory*>(memory.data())->crash;
  worker = ::getpid();
  give_thread_a_stack();
  // What the unwinder sets up with its first use (tables, symbols that are bound late) is set up now.
  _Unwind_Backtrace(&visit_one_frame, nullptr);
  prepare_crash_images();

  struct sigaction action {};
  action.sa_sigaction = &on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  // No other handler runs in between; a fault of the handler's own is served.
  sigfillset(&action.sa_mask);
  sigdelset(&action.sa_mask, SIGALRM);
  for (const int signum : crash_signals) sigdelset(&action.sa_mask, signum);
  for (const int signum : crash_signals) {
    struct sigaction present {};
    if (::sigaction(signum, nullptr, &present) != 0) continue;
    if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) continue;
    ::sigaction(signum, &action, nullptr);
  }
}

}  // namespace procpool::posix
