// SPDX-License-Identifier: MIT
#include "posix/inherited_locks.hpp"

#include "tasks/loaded_images.hpp"

#include <array>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <locale>

#include <stdlib.h>
#include <syslog.h>
#include <time.h>

namespace procpool::posix {

void try_lock_of_images() {
  static const char here = 0;
  static_cast<void>(detail::image_place(&here));
}

void try_locks_of_c_library() noexcept {
  ::tzset();
  ::unsetenv("PROCPOOL_NO_SUCH_VARIABLE");
  // To what it is. Asking alone takes no lock.
  std::setlocale(LC_CTYPE, std::setlocale(LC_CTYPE, nullptr));
  static_cast<void>(std::locale());
  // The generator gets another state for a moment, and its own back.
  alignas(std::uint64_t) std::array<char, 8> smallest{};
  if (char* const own = ::initstate(1, smallest.data(), smallest.size()); own != nullptr) ::setstate(own);
  ::setlogmask(0);  // changes nothing
  for (std::FILE* const stream : {stdout, stderr}) {
    ::flockfile(stream);
    ::funlockfile(stream);
  }
}

}  // namespace procpool::posix
