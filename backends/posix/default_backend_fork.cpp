// SPDX-License-Identifier: MIT
// For systems whose libraries bear a fork without exec.
#include "pool/backend_factory.hpp"

namespace procpool::detail {

Backend default_backend() noexcept {
  return Backend::fork;
}

}  // namespace procpool::detail
