// SPDX-License-Identifier: MIT
// For systems whose libraries do not bear a fork without exec (macOS: Objective-C and CoreFoundation abort or
// misbehave in the child).
#include "pool/backend_factory.hpp"

namespace procpool::detail {

Backend default_backend() noexcept {
  return Backend::spawn;
}

}  // namespace procpool::detail
