// SPDX-License-Identifier: MIT
#include "pool/backend_factory.hpp"

#include "posix/posix_backend.hpp"

#include <stdexcept>

namespace procpool::detail {

using posix::LauncherBy;
using posix::PosixBackend;
using posix::WorkersBy;

std::shared_ptr<ProcessBackend> make_backend(Backend backend) {
  switch (backend) {
    case Backend::fork:
      return std::make_shared<PosixBackend>("fork", LauncherBy::fork, WorkersBy::fork);
    case Backend::forkserver:
      return std::make_shared<PosixBackend>("forkserver", LauncherBy::execute, WorkersBy::fork);
    case Backend::spawn:
      return std::make_shared<PosixBackend>("spawn", LauncherBy::execute, WorkersBy::execute);
  }
  throw std::invalid_argument("procpool: backend is none of fork, forkserver and spawn");
}

}  // namespace procpool::detail
