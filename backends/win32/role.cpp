// SPDX-License-Identifier: MIT
#include "win32/role.hpp"

#include "win32/text.hpp"

#include <charconv>
#include <cstdint>
#include <cstdlib>

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

std::vector<std::string> worker_arguments(HANDLE pipe) {
  return {worker_argument, std::to_string(reinterpret_cast<std::uintptr_t>(pipe))};
}

std::optional<HANDLE> parse_command_line(std::wstring_view line) {
  const std::string number = to_utf8(last_word(line));
  if (to_utf8(last_word(line)) != worker_argument) return std::nullopt;
  std::uintptr_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return reinterpret_cast<HANDLE>(value);
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
