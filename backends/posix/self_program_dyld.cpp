// SPDX-License-Identifier: MIT
// macOS.
#include "posix/process_setup.hpp"
#include "posix/system_error.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <crt_externs.h>
#include <mach-o/dyld.h>

namespace procpool::posix {

std::string self_program() {
  std::uint32_t size = 0;
  _NSGetExecutablePath(nullptr, &size);
  std::vector<char> path(size + 1);
  if (_NSGetExecutablePath(path.data(), &size) != 0) {
    throw_spawn_error("cannot find out the path of this program (_NSGetExecutablePath)",
                      to_error_code(ENAMETOOLONG));
  }
  char* real = ::realpath(path.data(), nullptr);
  if (real == nullptr) throw_spawn_error("cannot resolve the path of this program (realpath)", last_error());
  std::string found(real);
  std::free(real);
  return found;
}

std::vector<std::string> process_arguments() {
  char** const first = *_NSGetArgv();
  return std::vector<std::string>(first, first + *_NSGetArgc());
}

char** process_environment() noexcept {
  return *_NSGetEnviron();
}

}  // namespace procpool::posix
