// SPDX-License-Identifier: MIT
/// \file
/// EventBell: the HostBell of Windows.
#pragma once

#include "win32/system_error.hpp"
#include "win32/unique_handle.hpp"
#include "win32/wait_time.hpp"

#include <procpool/process_backend.hpp>

namespace procpool::win32 {

class EventBell final : public HostBell {
 public:
  /// Throws SpawnError.
  EventBell() : event_(make_event()) {
    if (!event_) throw_spawn_error("cannot make a bell (CreateEvent)", last_error());
  }
  bool wait(Duration timeout) noexcept override { return wait_for(event_.get(), Deadline(timeout)); }
  void ring() noexcept override { ::SetEvent(event_.get()); }

  /// To be duplicated into workers, which set it. Owned by the bell.
  [[nodiscard]] HANDLE event() const noexcept { return event_.get(); }

 private:
  UniqueHandle event_;
};

}  // namespace procpool::win32
