// SPDX-License-Identifier: MIT
#include "pool/process_id.hpp"

#include <unistd.h>

namespace procpool::detail {

Pid current_process_id() noexcept {
  return ::getpid();
}

}  // namespace procpool::detail
