// SPDX-License-Identifier: MIT
#include "win32/nudge_thread.hpp"

#include "win32/start_record.hpp"
#include "win32/unique_handle.hpp"
#include "worker/nudge.hpp"
#include "worker/task_context.hpp"

#include <atomic>
#include <memory>
#include <new>

namespace procpool::win32 {

namespace {

struct Nudged {
  HANDLE nudge;
  HANDLE host;
  UniqueHandle main_thread;
  detail::TaskContext** task;  ///< the main thread's
};

/// An interruption is on its way, and the main thread has not waited alertably since: another would only pile
/// up behind it.
std::atomic<bool> call_queued{false};
/// The nudge thread is about to interrupt the task that the main thread runs, if it is due.
std::atomic<bool> interrupting{false};
std::atomic<DWORD> nudged_thread{0};  ///< the main thread's id; 0: nobody nudges

/// Tasks run on the main thread, so it may be anywhere when it is stopped, with any lock taken: what is
/// called meanwhile allocates nothing and takes no lock. False if the soft limit of a task has not passed.
bool call_handler(const Nudged& nudged) noexcept {
  if (::SuspendThread(nudged.main_thread.get()) == static_cast<DWORD>(-1)) return false;
  bool due = false;
  // SuspendThread only asks; this waits until it is so.
  CONTEXT context{};
  context.ContextFlags = CONTEXT_CONTROL;
  if (::GetThreadContext(nudged.main_thread.get(), &context) != 0) {
    detail::TaskContext* const task = *nudged.task;
    due = task != nullptr && task->is_due();
    detail::task_of_this_thread() = task;
    detail::on_nudge();
    detail::task_of_this_thread() = nullptr;
  }
  ::ResumeThread(nudged.main_thread.get());
  return due;
}

void interrupt(const Nudged& nudged) noexcept {
  const PAPCFUNC wake = [](ULONG_PTR) { call_queued.store(false, std::memory_order_seq_cst); };
  if (!call_queued.exchange(true, std::memory_order_seq_cst) &&
      ::QueueUserAPC(wake, nudged.main_thread.get(), 0) == 0) {
    call_queued.store(false, std::memory_order_seq_cst);
  }
  ::CancelSynchronousIo(nudged.main_thread.get());
}

DWORD WINAPI serve(void* parameter) {
  const std::unique_ptr<Nudged> nudged(static_cast<Nudged*>(parameter));
  // Its first use in a thread may allocate: not while the other is suspended.
  detail::task_of_this_thread() = nullptr;
  const HANDLE objects[] = {nudged->nudge, nudged->host, nudged->main_thread.get()};
  DWORD outcome = WAIT_OBJECT_0;
  while (outcome == WAIT_OBJECT_0) {
    outcome = ::WaitForMultipleObjects(3, objects, FALSE, INFINITE);
    if (outcome != WAIT_OBJECT_0) break;
    interrupting.store(true, std::memory_order_seq_cst);
    if (call_handler(*nudged)) interrupt(*nudged);
    interrupting.store(false, std::memory_order_seq_cst);
  }
  // The host is dead: its jobs go with it, and this is for a worker whose job somebody else holds. Or the
  // main thread has ended alone (ExitThread; Wine ends no more than that if an overflow leaves no stack to
  // tell of it).
  DWORD code = setup_failed;
  if (outcome == WAIT_OBJECT_0 + 2) ::GetExitCodeThread(nudged->main_thread.get(), &code);
  ::TerminateProcess(::GetCurrentProcess(), code);
  return 0;
}

}  // namespace

bool start_nudge_thread(HANDLE nudge, HANDLE host_process) noexcept {
  HANDLE main_thread = nullptr;
  if (::DuplicateHandle(::GetCurrentProcess(), ::GetCurrentThread(), ::GetCurrentProcess(), &main_thread, 0,
                        FALSE, DUPLICATE_SAME_ACCESS) == 0) {
    return false;
  }
  std::unique_ptr<Nudged> nudged(new (std::nothrow) Nudged{nudge, host_process, UniqueHandle(main_thread),
                                                           &detail::task_of_this_thread()});
  if (!nudged) return false;
  constexpr SIZE_T small_stack = 256 << 10;
  nudged_thread.store(::GetCurrentThreadId(), std::memory_order_relaxed);
  const UniqueHandle thread(
      ::CreateThread(nullptr, small_stack, &serve, nudged.get(), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr));
  if (!thread) return false;
  static_cast<void>(nudged.release());  // the thread's
  return true;
}

}  // namespace procpool::win32

namespace procpool::detail {

/// An interruption that was seen to be due arrives, and what it has queued is called, before the next task.
void end_nudges() noexcept {
  if (win32::nudged_thread.load(std::memory_order_relaxed) != ::GetCurrentThreadId()) return;
  while (win32::interrupting.load(std::memory_order_seq_cst)) ::SwitchToThread();
  while (win32::call_queued.load(std::memory_order_seq_cst)) ::SleepEx(0, TRUE);
}

}  // namespace procpool::detail
