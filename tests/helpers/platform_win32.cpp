// SPDX-License-Identifier: MIT
#include "helpers/platform.hpp"
#include "helpers/win32_process.hpp"

#include <cstring>

namespace procpool::testing {

std::vector<std::string> process_backends() {
  return {"spawn"};
}

std::string no_captured_stderr() {
  return "this backend refuses capture_stderr";
}

std::string no_status_of_crashes() {
  return {};
}

std::string no_signals_in_forks() {
  return {};
}

std::string no_signals() {
  return "Windows has no signals";
}

bool end_process(Pid pid, int /*signum*/) {
  const Handle process(::OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, static_cast<DWORD>(pid)));
  return process && ::TerminateProcess(process.get(), 1) != 0;
}

// Nobody can tell a kill from an exit with the same code.
ExitStatus status_of_kill(int /*signum*/) {
  return ExitStatus::from_code(1);
}

WorkerLostError::Reason reason_of_kill() {
  return WorkerLostError::Reason::exited;
}

ExitStatus status_of_segfault() {
  return ExitStatus::from_code(0xC0000005);
}

std::string name_of_segfault() {
  return "STATUS_ACCESS_VIOLATION";
}

// The channel is the one large mapping that a worker may write to.
std::vector<std::span<std::byte>> writable_channel_memory() {
  constexpr SIZE_T large = SIZE_T{1} << 20U;
  std::vector<std::span<std::byte>> found;
  MEMORY_BASIC_INFORMATION region{};
  for (const char* at = nullptr; ::VirtualQuery(at, &region, sizeof region) == sizeof region;
       at = static_cast<const char*>(region.BaseAddress) + region.RegionSize) {
    const bool mapped = region.Type == MEM_MAPPED && region.State == MEM_COMMIT;
    if (mapped && region.Protect == PAGE_READWRITE && region.RegionSize >= large)
      found.emplace_back(static_cast<std::byte*>(region.BaseAddress), region.RegionSize);
  }
  return found;
}

std::string own_program() {
  char path[4096];
  const DWORD length = ::GetModuleFileNameA(nullptr, path, sizeof path);
  return {path, length};
}

void play_grandchild(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], grandchild_argument) == 0) ::Sleep(INFINITE);
}

}  // namespace procpool::testing
