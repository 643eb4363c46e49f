// SPDX-License-Identifier: MIT
#include "helpers/in_memory_backend.hpp"
#include "helpers/platform.hpp"
#include "helpers/tasks.hpp"
#include "helpers/win32_process.hpp"

#include <fstream>
#include <string>
#include <system_error>

namespace procpool::testing::tasks {

Pid worker_pid() {
  return inside_real_process() ? static_cast<Pid>(::GetCurrentProcessId()) : in_memory::this_worker_pid();
}

int spin_with_signals_blocked() {
  if (in_memory::inside_worker()) in_memory::hang();
  for (volatile unsigned long count = 0;;) count = count + 1;
}

// The C library looks for the end of the file first and writes then: processes would write over each other.
void append_line(std::string file, std::string line) {
  const Handle turn(::CreateMutexW(nullptr, FALSE, L"procpool-test-append"));
  ::WaitForSingleObject(turn.get(), INFINITE);
  std::ofstream(file, std::ios::app | std::ios::binary) << line << '\n' << std::flush;
  ::ReleaseMutex(turn.get());
}

Pid spawn_grandchild() {
  const std::string program = own_program();
  std::string line = "\"" + program + "\" " + grandchild_argument;
  STARTUPINFOA startup{};
  startup.cb = sizeof startup;
  PROCESS_INFORMATION info{};
  if (::CreateProcessA(program.c_str(), line.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr, &startup,
                       &info) == 0) {
    throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), "CreateProcess");
  }
  const Handle process(info.hProcess);
  const Handle thread(info.hThread);
  return static_cast<Pid>(info.dwProcessId);
}

bool is_gone(Pid pid) {
  const Handle process(::OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid)));
  return !process || ::WaitForSingleObject(process.get(), 0) == WAIT_OBJECT_0;
}

}  // namespace procpool::testing::tasks
