// SPDX-License-Identifier: MIT
/// \file
/// PreciseTimer: a timer of finer grain than libuv's, where the system has one.
#pragma once

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <functional>
#include <memory>

namespace procpool::detail {

/// Calls back on the loop's thread at a point in time. Implemented by the backend of the platform. On the
/// loop's thread only; does not call back once it is destroyed.
class PreciseTimer {
 public:
  virtual ~PreciseTimer() = default;
  /// Due at `due`, once; it may call a moment early or twice. Replaces what was set.
  virtual void set(TimePoint due) noexcept = 0;
};

/// Null if the system has none, or is out of descriptors: the caller then does with libuv's timer. `loop`
/// must outlive the timer.
[[nodiscard]] std::unique_ptr<PreciseTimer> make_precise_timer(EventLoop& loop,
                                                               std::function<void()> on_due) noexcept;

}  // namespace procpool::detail
