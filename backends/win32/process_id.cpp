// SPDX-License-Identifier: MIT
#include "pool/process_id.hpp"

#include <windows.h>

namespace procpool::detail {

Pid current_process_id() noexcept {
  return static_cast<Pid>(::GetCurrentProcessId());
}

}  // namespace procpool::detail
