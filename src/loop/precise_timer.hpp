// SPDX-License-Identifier: MIT
/// \file
/// PreciseTimer: a timer of finer grain than libuv's millisecond, where the system has one.
#pragma once

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <memory>

namespace procpool::detail {

/// A descriptor that becomes readable at a point in time. Implemented by the backend of the platform.
class PreciseTimer {
 public:
  virtual ~PreciseTimer() = default;
  [[nodiscard]] virtual NativeHandle descriptor() const noexcept = 0;
  /// Readable from `due` on, until acknowledge(). Replaces what was set.
  virtual void set(TimePoint due) noexcept = 0;
  virtual void acknowledge() noexcept = 0;
};

/// Null if the system has none, or is out of descriptors: the caller then does with libuv's timer.
[[nodiscard]] std::unique_ptr<PreciseTimer> make_precise_timer() noexcept;

}  // namespace procpool::detail
