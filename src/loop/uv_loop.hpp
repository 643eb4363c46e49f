// SPDX-License-Identifier: MIT
/// \file
/// UvLoop: the EventLoop that serves a pool, over libuv.
#pragma once

#include "loop/loop_signal.hpp"
#include "loop/precise_timer.hpp"

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <uv.h>

namespace procpool::detail {

/// A libuv loop with one timer. Served by one thread at a time, with run(), run_once() or both in turn; that
/// thread is "the loop's thread" while it serves. Only post(), wake() and stop() may be called by other
/// threads.
///
/// The destructor closes every handle, drops what was posted and not yet called, and ends all watches; a
/// Watch that is destroyed later does nothing. It must not run within a callback of the loop.
///
/// A callback may throw std::bad_alloc, of which nobody hears: what it was about has to come up again.
class UvLoop final : public EventLoop {
 public:
  /// Throws SpawnError if the system has no descriptors or memory left.
  UvLoop();
  ~UvLoop();
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;

  [[nodiscard]] std::unique_ptr<Watch> watch(NativeHandle descriptor,
                                             std::function<void()> on_readable) override;
  void post(std::function<void()> action) override;
  /// The `uv_loop_t*`.
  [[nodiscard]] void* native() noexcept override { return &loop_; }

  /// Called on the loop's thread when the timer is due. Set it before set_timer().
  void on_timer(std::function<void()> callback) { on_timer_ = std::move(callback); }
  /// Called on the loop's thread after wake(), before what was posted. Set it before wake().
  void on_wake(std::function<void()> callback) { on_wake_ = std::move(callback); }
  /// Unlike post() it needs no memory. Any thread.
  void wake() noexcept;

  /// Sets the one timer, in place of what was set before; nullopt sets none. It fires once, never early. On
  /// the loop's thread. Moving a due time back, or clearing it, costs no system call: the wake-up that was
  /// asked for comes and finds nothing due.
  void set_timer(std::optional<TimePoint> due);

  /// Serves on the calling thread until stop(). A stop() that came before counts.
  void run();
  /// Makes run() return, soon. Any thread, also from a callback.
  void stop() noexcept;

  /// Serves what is due and returns. If nothing is due, waits for something at most `timeout` (rounded up to
  /// a millisecond); nullopt waits not at all.
  void run_once(std::optional<Duration> timeout = std::nullopt);

  /// For a host that drives the loop itself: wait until poll_handle() is readable or next_timeout() has
  /// passed, then call run_once(). libuv tells the kernel of a new watch only when it is served: call
  /// run_once() after anything that may have made one, and before waiting. A descriptor, or the HANDLE of an
  /// event, which does not tell of watch().
  [[nodiscard]] NativeHandle poll_handle() const noexcept;
  /// How long the host may wait; nullopt: for ever.
  [[nodiscard]] std::optional<Duration> next_timeout() const noexcept;

 private:
  struct WatchState;
  class UvWatch;

  static void on_poll(uv_poll_t* handle, int status, int events);
  void serve_posted();
  void ring() noexcept;
  void arm(TimePoint due);
  void serve_timer();
  void close_all() noexcept;

  uv_loop_t loop_{};
  uv_async_t wake_{};
  uv_timer_t timer_{};  ///< wakes for set_timer() where there is no PreciseTimer
  uv_timer_t limit_{};  ///< bounds the wait of run_once()

  std::unique_ptr<LoopSignal> signal_;     ///< null where libuv has a descriptor to wait for
  std::unique_ptr<PreciseTimer> precise_;  ///< null where the system has none
  std::function<void()> on_timer_;
  std::function<void()> on_wake_;
  std::optional<TimePoint> due_;    ///< when the timer shall fire
  std::optional<TimePoint> armed_;  ///< when the system will wake us; never later than due_

  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;   ///< guarded by mutex_
  std::vector<std::function<void()>> serving_;  ///< the loop's thread only
  WatchState* watches_ = nullptr;               ///< all that are open
};

}  // namespace procpool::detail
