// SPDX-License-Identifier: MIT
#include "pool/backend_factory.hpp"

#include "win32/win32_backend.hpp"

#include <stdexcept>

namespace procpool::detail {

std::shared_ptr<ProcessBackend> make_backend(Backend backend) {
  switch (backend) {
    case Backend::fork:
      throw std::invalid_argument(
          "procpool: PoolOptions::backend is Backend::fork, which Windows does not have; use Backend::spawn, "
          "the "
          "default there");
    case Backend::forkserver:
      throw std::invalid_argument(
          "procpool: PoolOptions::backend is Backend::forkserver, which Windows does not have; use "
          "Backend::spawn, the default there");
    case Backend::spawn:
      return std::make_shared<win32::Win32Backend>();
  }
  throw std::invalid_argument("procpool: PoolOptions::backend is none of fork, forkserver and spawn");
}

Backend default_backend() noexcept {
  return Backend::spawn;
}

}  // namespace procpool::detail
