// SPDX-License-Identifier: MIT
/// \file
/// RegisteredWait: waits without a thread of one's own, for any number of objects (the system's thread pool
/// shares its threads out among them, so WaitForMultipleObjects' limit of 64 is not ours).
#pragma once

#include "win32/unique_handle.hpp"

#include <procpool/process_backend.hpp>

#include <functional>
#include <memory>
#include <optional>

#include <windows.h>

namespace procpool::win32 {

class RegisteredWait {
 public:
  enum class Times : unsigned char { once, each };

  /// Calls `action` on a thread of the system's when `object` is signalled, or `timeout` has passed: once, or
  /// each time. `action` must be short, and must not throw. `object` has to outlive this. Throws SpawnError.
  RegisteredWait(HANDLE object, Times times, std::function<void()> action,
                 std::optional<Duration> timeout = std::nullopt);
  /// Returns when no call of `action` is under way. Not within `action`.
  ~RegisteredWait();
  RegisteredWait(const RegisteredWait&) = delete;
  RegisteredWait& operator=(const RegisteredWait&) = delete;

 private:
  std::function<void()> action_;
  HANDLE wait_ = nullptr;
  UniqueHandle ended_;  ///< an event
};

/// loop.post() from such a thread, which must not lose what it has to tell: tries again while there is no
/// memory.
void post_surely(EventLoop& loop, const std::function<void()>& action) noexcept;

}  // namespace procpool::win32
