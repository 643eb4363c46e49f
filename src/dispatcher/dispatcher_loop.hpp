// SPDX-License-Identifier: MIT
/// \file
/// DispatcherLoop: what the Dispatcher asks of its pool's loop.
#pragma once

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

namespace procpool::detail {

/// What the Dispatcher needs of the loop that serves it. Called with its lock held, on any thread, unless
/// said otherwise.
class DispatcherLoop {
 public:
  /// Call serve() soon.
  virtual void serve_soon() noexcept = 0;
  /// Call kill_condemned() soon, because of this worker; worker_exited() shall follow.
  virtual void kill(WorkerId worker) noexcept = 0;
  /// No job is left, and none will come: close() was called. Told once.
  virtual void drained() noexcept = 0;

  /// True: the loop has a thread of its own. False: whoever waits serves it, by drive().
  [[nodiscard]] virtual bool has_thread() const noexcept = 0;
  /// Serves the loop for a while, on the calling thread, without the lock; returns when something has
  /// happened or `longest` has passed.
  virtual void drive(Duration longest) = 0;

 protected:
  ~DispatcherLoop() = default;
};

}  // namespace procpool::detail
