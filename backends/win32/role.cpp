// SPDX-License-Identifier: MIT
#include "win32/role.hpp"

#include "win32/text.hpp"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <system_error>

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

struct Marker {
  std::uintptr_t parent;
  HANDLE pipe;
};

std::optional<Marker> read_marker() noexcept {
  char value[48];
  const DWORD length = ::GetEnvironmentVariableA(role_variable, value, sizeof value);
  if (length == 0 || length >= sizeof value) return std::nullopt;
  const char* const end = value + length;
  std::uintptr_t parent = 0;
  const auto [colon, parent_error] = std::from_chars(value, end, parent);
  if (parent_error != std::errc() || colon == end || *colon != ':') return std::nullopt;
  std::uintptr_t pipe = 0;
  const auto [rest, pipe_error] = std::from_chars(colon + 1, end, pipe);
  if (pipe_error != std::errc() || rest != end) return std::nullopt;
  return Marker{parent, reinterpret_cast<HANDLE>(pipe)};
}

}  // namespace

bool is_worker_line(std::wstring_view line) {
  return to_utf8(last_word(line)) == worker_argument;
}

std::string role_marker(HANDLE pipe) {
  return std::to_string(::GetCurrentProcessId()) + ':' +
         std::to_string(reinterpret_cast<std::uintptr_t>(pipe));
}

bool has_role_marker() noexcept {
  const auto marker = read_marker();
  return marker && marker->parent == parent_pid();
}

UniqueHandle inherited_pipe() noexcept {
  const auto marker = read_marker();
  if (!marker || ::GetFileType(marker->pipe) != FILE_TYPE_PIPE) return {};
  ::SetHandleInformation(marker->pipe, HANDLE_FLAG_INHERIT, 0);
  return UniqueHandle(marker->pipe);
}

void remove_role_marker() noexcept {
  ::SetEnvironmentVariableA(role_variable, nullptr);
  ::_putenv_s(role_variable, "");  // the C library has a copy of its own
}

}  // namespace procpool::win32
