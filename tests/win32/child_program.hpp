// SPDX-License-Identifier: MIT
/// \file
/// ChildProgram: a program that a test starts, and whose output it reads.
#pragma once

#include "helpers/platform.hpp"
#include "helpers/win32_process.hpp"

#include <string>
#include <system_error>

namespace procpool::testing {

/// The path of a program that was built beside this test.
inline std::string beside(const std::string& name) {
  const std::string own = own_program();
  return own.substr(0, own.find_last_of("\\/") + 1) + name;
}

/// Killed with the object, if it still runs.
class ChildProgram {
 public:
  explicit ChildProgram(const std::string& program, const std::string& argument = "") {
    std::string command_line = '"' + program + "\" " + argument;
    HANDLE read = nullptr;
    HANDLE write = nullptr;
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    if (::CreatePipe(&read, &write, &inherited, 0) == 0) fail("CreatePipe");
    output_ = Handle(read);
    Handle written(write);
    ::SetHandleInformation(read, HANDLE_FLAG_INHERIT, 0);
    STARTUPINFOA startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdOutput = write;
    startup.hStdError = ::GetStdHandle(STD_ERROR_HANDLE);
    PROCESS_INFORMATION info{};
    if (::CreateProcessA(program.c_str(), command_line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr,
                         &startup, &info) == 0) {
      fail("CreateProcess");
    }
    process_ = Handle(info.hProcess);
    const Handle thread(info.hThread);
  }
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;
  ~ChildProgram() { kill(); }

  /// The next line, without its end; empty when there are no more.
  std::string line() {
    std::string text;
    for (char c = 0; read(c) && c != '\n';) {
      if (c != '\r') text += c;
    }
    return text;
  }
  /// Waits for its end.
  void wait() { ::WaitForSingleObject(process_.get(), 30'000); }
  void kill() {
    ::TerminateProcess(process_.get(), 1);
    wait();
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), what);
  }
  bool read(char& c) {
    DWORD count = 0;
    return ::ReadFile(output_.get(), &c, 1, &count, nullptr) != 0 && count == 1;
  }

  Handle output_;
  Handle process_;
};

}  // namespace procpool::testing
