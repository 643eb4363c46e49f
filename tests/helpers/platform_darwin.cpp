// SPDX-License-Identifier: MIT
// What macOS tells by dyld and libproc.
#include "helpers/platform.hpp"
#include "helpers/process_info.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

#include <libproc.h>
#include <mach-o/dyld.h>
#include <sys/proc.h>

namespace procpool::testing {

std::vector<std::span<std::byte>> writable_channel_memory() {
  return {};
}

std::string own_program() {
  std::uint32_t size = 0;
  _NSGetExecutablePath(nullptr, &size);
  std::string path(size, '\0');
  if (_NSGetExecutablePath(path.data(), &size) != 0) return {};
  return std::filesystem::canonical(path.c_str()).string();
}

std::optional<ProcessInfo> process_info(Pid pid) {
  proc_bsdinfo info{};
  // Zombies are not found, unless the argument asks for them.
  const int size = ::proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof info);
  if (size != static_cast<int>(sizeof info)) return std::nullopt;
  return ProcessInfo{static_cast<Pid>(info.pbi_ppid), info.pbi_status != SZOMB};
}

}  // namespace procpool::testing
