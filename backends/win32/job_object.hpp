// SPDX-License-Identifier: MIT
/// \file
/// JobObject: holds one worker and all that it starts, and ends with them.
#pragma once

#include "win32/unique_handle.hpp"

#include <procpool/memory_size.hpp>

#include <optional>

namespace procpool::win32 {

/// A job without breakaway: what a process in it starts is in it too. All of it is killed when the last
/// handle is closed, which is this one: the system closes it when the host dies. Members may be called on any
/// thread.
class JobObject {
 public:
  /// `memory_limit` caps what each process in it may commit. Throws SpawnError.
  explicit JobObject(std::optional<MemorySize> memory_limit);

  /// For spawn_program.
  [[nodiscard]] HANDLE handle() const noexcept { return handle_.get(); }
  /// Kills all that is in it. The processes end with `exit_code`, soon.
  bool terminate(UINT exit_code) noexcept;
  /// A process in the job that has not ended, other than `leader`, to wait for; empty if there is none.
  [[nodiscard]] UniqueHandle survivor(DWORD leader) const noexcept;

 private:
  UniqueHandle handle_;
};

/// True if this system enforces the memory limit of jobs. One that does not (Wine 8) accepts it and, asked
/// for the limits, tells nothing of it.
[[nodiscard]] bool jobs_limit_memory() noexcept;

}  // namespace procpool::win32
