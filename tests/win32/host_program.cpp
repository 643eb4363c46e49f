// SPDX-License-Identifier: MIT
// A host for others to kill. Prints the ids of its workers and of what they have started, one a line, then
// "ready", and works until it is killed. Its entry point has no arguments: WinMain.
#include <procpool/procpool.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <tuple>

#include <windows.h>

namespace {

/// Starts the system's shell, which waits for input that does not come.
procpool::Pid start_a_process() {
  std::string line = "cmd.exe /c pause";
  STARTUPINFOA startup{};
  startup.cb = sizeof startup;
  PROCESS_INFORMATION info{};
  // With an input of its own, since a worker's is empty.
  HANDLE read = nullptr;
  HANDLE write = nullptr;
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  if (::CreatePipe(&read, &write, &inherited, 0) == 0) return 0;
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = read;
  if (::CreateProcessA(nullptr, line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &startup, &info) ==
      0) {
    return 0;
  }
  return static_cast<procpool::Pid>(info.dwProcessId);
}

void work_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

int WINAPI WinMain(HINSTANCE, HINSTANCE, LPSTR, int) {
  procpool::init();
  procpool::Pool pool({.processes = 3});
  std::printf("%d\n", pool.apply(start_a_process));
  pool.apply_async(work_for_ever);
  for (const procpool::Pid worker : pool.worker_pids()) std::printf("%d\n", worker);
  std::printf("ready\n");
  std::fflush(stdout);
  work_for_ever();
  return 0;
}
