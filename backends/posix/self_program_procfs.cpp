// SPDX-License-Identifier: MIT
// Linux.
#include "posix/process_setup.hpp"
#include "posix/system_error.hpp"

#include <climits>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace procpool::posix {

std::string self_program() {
  constexpr const char* link = "/proc/self/exe";
  std::vector<char> path(PATH_MAX + 1);
  const ssize_t length = ::readlink(link, path.data(), path.size() - 1);
  if (length < 0)
    throw_spawn_error("cannot find out the path of this program (/proc/self/exe)", last_error());
  // The file may have been replaced or deleted since; the link itself still leads to the one that runs.
  struct stat by_path {};
  struct stat by_link {};
  const std::string found(path.data(), static_cast<std::size_t>(length));
  if (::stat(found.c_str(), &by_path) == 0 && ::stat(link, &by_link) == 0 &&
      by_path.st_dev == by_link.st_dev && by_path.st_ino == by_link.st_ino) {
    return found;
  }
  return link;
}

std::vector<std::string> process_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

char** process_environment() noexcept {
  return environ;
}

}  // namespace procpool::posix
