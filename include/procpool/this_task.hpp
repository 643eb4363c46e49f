// SPDX-License-Identifier: MIT
/// \file
/// this_task: what a task may ask about itself, and how it learns that its soft time limit has passed. To be
/// called on the thread that runs the task; elsewhere everything answers as outside of a task.
///
/// When a soft limit is due the task is asked to stop: soft_timeout_requested() becomes true, check() and the
/// waits throw, on_soft_timeout handlers run, and on POSIX a system call that blocks ends with EINTR. What
/// the task then returns counts; a SoftTimeLimitExceeded that it lets out arrives in the caller. The hard
/// limit needs no cooperation.
#pragma once

#include <procpool/export.hpp>
#include <procpool/types.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>

namespace procpool::this_task {

/// True in a worker, while it runs a task.
[[nodiscard]] PROCPOOL_EXPORT bool is_inside_task() noexcept;
/// The job that this task belongs to; of a chunk, that of the chunk. 0 outside of a task.
[[nodiscard]] PROCPOOL_EXPORT JobId job_id() noexcept;
/// When the hard limit will kill the task, or the soft one is due if there is no hard one; nothing without
/// limits.
[[nodiscard]] PROCPOOL_EXPORT std::optional<TimePoint> deadline() noexcept;

/// The soft limit has passed. Costs one load from memory: cheap enough for an inner loop.
[[nodiscard]] PROCPOOL_EXPORT bool soft_timeout_requested() noexcept;
/// Throws SoftTimeLimitExceeded if the soft limit has passed.
PROCPOOL_EXPORT void check();
/// Sleeps; ends early, by throwing SoftTimeLimitExceeded, when the soft limit passes.
PROCPOOL_EXPORT void sleep_for(Duration time);
PROCPOOL_EXPORT void wait_until(TimePoint time);

/// Tells the host how far the task is: `fraction` from 0 to 1, and a note, of which 1,000 bytes are kept.
/// Reaches CallOptions::progress_callback. Nothing happens outside of a task.
PROCPOOL_EXPORT void report_progress(double fraction, std::string_view note = {});

/// While this object lives, `handler(data)` is called once when the soft limit is due; at once if it is
/// already. One at a time: a new object takes over, and gives back when it ends.
///
/// On POSIX the handler runs within a signal handler, at any point of the task, on its thread: it may do only
/// what is async-signal-safe (set a flag, write to a pipe, call a library's own "interrupt" function that
/// says it is safe); no memory, no locks, no exceptions.
/// On Windows it runs on another thread, while that of the task is suspended at any point, and may do as
/// little.
class PROCPOOL_EXPORT on_soft_timeout {
 public:
  using Handler = void (*)(void* data);

  explicit on_soft_timeout(Handler handler, void* data = nullptr) noexcept;
  /// `function()` is called: a function, or an object that outlives this one or has no state.
  template <class F>
  requires(
      std::invocable<std::remove_reference_t<F>&> &&
      !std::same_as<std::remove_cvref_t<F>, on_soft_timeout>) explicit on_soft_timeout(F&& function) noexcept
      : on_soft_timeout(caller_of<F>(), place_of(function)) {}
  ~on_soft_timeout();
  on_soft_timeout(const on_soft_timeout&) = delete;
  on_soft_timeout& operator=(const on_soft_timeout&) = delete;

 private:
  friend struct SoftTimeoutAccess;

  template <class F>
  static Handler caller_of() noexcept {
    using Object = std::remove_reference_t<F>;
    if constexpr (std::is_pointer_v<std::decay_t<F>>) {
      return [](void* place) { static_cast<void>(reinterpret_cast<std::decay_t<F>>(place)()); };
    } else if constexpr (std::is_lvalue_reference_v<F>) {
      return [](void* place) { static_cast<void>((*static_cast<Object*>(place))()); };
    } else {
      static_assert(
          std::is_empty_v<Object> && std::is_default_constructible_v<Object>,
          "procpool: what on_soft_timeout shall call is gone before the limit: give an object that has "
          "state a name, so that it outlives the on_soft_timeout");
      return [](void*) { static_cast<void>(std::remove_const_t<Object>{}()); };
    }
  }
  template <class F>
  static void* place_of(F& function) noexcept {
    if constexpr (std::is_pointer_v<std::decay_t<F>>) {
      return reinterpret_cast<void*>(std::decay_t<F>(function));
    } else {
      return const_cast<void*>(static_cast<const void*>(std::addressof(function)));
    }
  }

  Handler handler_;
  void* data_;
  on_soft_timeout* previous_;
  bool called_ = false;
};

}  // namespace procpool::this_task
