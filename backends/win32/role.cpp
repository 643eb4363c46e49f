// SPDX-License-Identifier: MIT
#include "win32/role.hpp"

#include "win32/text.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <winternl.h>

namespace procpool::win32 {

namespace {

constexpr std::wstring_view blanks = L" \t";

/// Takes the last word off the line.
std::wstring_view last_word(std::wstring_view& line) {
  const auto end = line.find_last_not_of(blanks);
  if (end == std::wstring_view::npos) return {};
  const auto before = line.find_last_of(blanks, end);
  const auto begin = before == std::wstring_view::npos ? 0 : before + 1;
  const auto word = line.substr(begin, end - begin + 1);
  line = line.substr(0, begin);
  return word;
}

/// 0 if the system does not tell. From <winternl.h>; the member that Microsoft calls Reserved3 holds the
/// parent's pid, which nobody documents and many rely on, and a wrong one costs us only a check.
std::uintptr_t parent_pid() noexcept {
  using Query = NTSTATUS(NTAPI*)(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);
  struct Basic {
    void* status;
    void* peb;
    void* affinity;
    void* priority;
    std::uintptr_t pid;
    std::uintptr_t parent;
  };
  const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
  if (ntdll == nullptr) return 0;
  const auto function = ::GetProcAddress(ntdll, "NtQueryInformationProcess");
  if (function == nullptr) return 0;
  const auto query = reinterpret_cast<Query>(reinterpret_cast<void*>(function));
  Basic basic{};
  if (query(::GetCurrentProcess(), ProcessBasicInformation, &basic, sizeof basic, nullptr) < 0) return 0;
  return basic.parent;
}

}  // namespace

bool is_worker_line(std::wstring_view line) {
  return to_utf8(last_word(line)) == worker_argument;
}

/// Where the streams stand that a parent hands down is documented nowhere, and all C libraries of Windows
/// rely on it: their number, a byte of flags for each, and then the handles. That libuv writes it so, too,
/// and restricts what else is inherited, makes this the one way that works with all of its versions.
HANDLE inherited_pipe() noexcept {
  STARTUPINFOW info{};
  info.cb = sizeof info;
  ::GetStartupInfoW(&info);
  int count = 0;
  if (info.lpReserved2 == nullptr || info.cbReserved2 < sizeof count) return nullptr;
  std::memcpy(&count, info.lpReserved2, sizeof count);
  if (count <= pipe_stream) return nullptr;
  const std::size_t place = sizeof count + static_cast<std::size_t>(count) + pipe_stream * sizeof(HANDLE);
  HANDLE pipe = nullptr;
  if (info.cbReserved2 < place + sizeof pipe) return nullptr;
  std::memcpy(&pipe, info.lpReserved2 + place, sizeof pipe);
  if (::GetFileType(pipe) != FILE_TYPE_PIPE) return nullptr;
  ::SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0);
  return pipe;
}

std::string role_marker() {
  return std::string(role_variable) + "=" + std::to_string(::GetCurrentProcessId());
}

bool has_role_marker() noexcept {
  char text[32];
  const DWORD length = ::GetEnvironmentVariableA(role_variable, text, sizeof text);
  if (length == 0 || length >= sizeof text) return false;
  std::uintptr_t value = 0;
  const auto [end, error] = std::from_chars(text, text + length, value);
  return error == std::errc() && end == text + length && value == parent_pid();
}

void remove_role_marker() noexcept {
  ::SetEnvironmentVariableA(role_variable, nullptr);
  ::_putenv_s(role_variable, "");  // the C library has a copy of its own
}

}  // namespace procpool::win32
