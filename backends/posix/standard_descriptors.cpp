// SPDX-License-Identifier: MIT
#include "loop/standard_descriptors.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace procpool::detail {

StandardDescriptorsTaken::StandardDescriptorsTaken() noexcept {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    const int taken = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (taken < 0) continue;
    if (taken == number) {
      taken_[number] = taken;
    } else {
      ::close(taken);  // another thread had the same need of it
    }
  }
}

StandardDescriptorsTaken::~StandardDescriptorsTaken() {
  for (const int taken : taken_) {
    if (taken >= 0) ::close(taken);
  }
}

}  // namespace procpool::detail
