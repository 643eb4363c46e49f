// SPDX-License-Identifier: MIT
// What Linux tells in /proc (proc(5)).
#include "helpers/platform.hpp"
#include "helpers/process_info.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace procpool::testing {

// /proc/pid/maps: "from-to perms offset dev inode path".
std::vector<std::span<std::byte>> writable_channel_memory() {
  std::vector<std::span<std::byte>> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    char permissions[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, permissions) != 3) continue;
    if (line.find("memfd:procpool") == std::string::npos || std::string(permissions) != "rw-s") continue;
    found.emplace_back(reinterpret_cast<std::byte*>(from), to - from);
  }
  return found;
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

// /proc/pid/stat: "pid (command) state ppid ..."; the command may itself hold spaces and parentheses.
std::optional<ProcessInfo> process_info(Pid pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto end_of_name = text.rfind(')');
  char state = 0;
  Pid parent = 0;
  if (end_of_name == std::string::npos ||
      std::sscanf(text.c_str() + end_of_name + 1, " %c %d", &state, &parent) != 2) {
    return std::nullopt;
  }
  return ProcessInfo{parent, state != 'Z' && state != 'X'};
}

}  // namespace procpool::testing
