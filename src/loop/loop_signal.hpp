// SPDX-License-Identifier: MIT
/// \file
/// LoopSignal: something for a host to wait on in place of a loop that has no handle of its own. Implemented
/// by the backend of the platform.
#pragma once

#include <procpool/process_backend.hpp>

#include <memory>

namespace procpool::detail {

/// Any thread.
class LoopSignal {
 public:
  virtual ~LoopSignal() = default;
  /// Ready from set() until clear().
  [[nodiscard]] virtual NativeHandle handle() const noexcept = 0;
  virtual void set() noexcept = 0;
  virtual void clear() noexcept = 0;
};

/// Null where uv_backend_fd() is such a handle already. Throws SpawnError.
[[nodiscard]] std::unique_ptr<LoopSignal> make_loop_signal();

}  // namespace procpool::detail
