// SPDX-License-Identifier: MIT
// CreateProcess and not uv_spawn, which can neither make a process that is in a job from its first instant
// (one that is put there later outlives a host that dies in between) nor name what the process inherits
// (libuv up to 1.52), and puts this process itself into a job that ends it without a report when it crashes.
#include "win32/spawn_program.hpp"

#include "win32/role.hpp"
#include "win32/system_error.hpp"
#include "win32/text.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace procpool::win32 {

namespace {

/// Names of variables are compared, and have their order in a block, without regard to case.
struct ByName {
  bool operator()(const std::wstring& one, const std::wstring& other) const noexcept {
    return ::CompareStringOrdinal(one.data(), static_cast<int>(one.size()), other.data(),
                                  static_cast<int>(other.size()), TRUE) == CSTR_LESS_THAN;
  }
};
using Variables = std::map<std::wstring, std::wstring, ByName>;

Variables own_variables() {
  const std::unique_ptr<wchar_t, decltype(&::FreeEnvironmentStringsW)> block(::GetEnvironmentStringsW(),
                                                                             &::FreeEnvironmentStringsW);
  if (!block) throw std::bad_alloc();
  Variables variables;
  for (std::wstring_view rest = block.get(); !rest.empty(); rest = rest.data() + rest.size() + 1) {
    // The system's own begin with '=': "=C:", the working directory on that drive.
    const auto equals = rest.find(L'=', 1);
    if (equals != std::wstring_view::npos) variables.emplace(rest.substr(0, equals), rest.substr(equals + 1));
  }
  return variables;
}

/// As CreateProcess takes it: each entry ends with a null, and the block with one more.
std::wstring environment_block(const std::map<std::string, std::string>& on_top, HANDLE pipe) {
  Variables variables = own_variables();
  for (const auto& [name, value] : on_top) variables[to_wide(name)] = to_wide(value);
  variables[to_wide(role_variable)] = to_wide(role_marker(pipe));
  std::wstring block;
  for (const auto& [name, value] : variables) (((block += name) += L'=') += value) += L'\0';
  return block += L'\0';
}

/// Empty, with GetLastError(), if there is none to be had.
UniqueHandle inheritable_copy(HANDLE handle) noexcept {
  HANDLE copy = nullptr;
  const HANDLE self = ::GetCurrentProcess();
  ::DuplicateHandle(self, handle, self, &copy, 0, TRUE, DUPLICATE_SAME_ACCESS);
  return UniqueHandle(copy);
}

UniqueHandle inheritable_null_device() noexcept {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  return UniqueHandle(::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                    &inheritable, OPEN_EXISTING, 0, nullptr));
}

/// A program may have no output, or have closed it, so that the handle is now another object's.
UniqueHandle inheritable_output(DWORD which) noexcept {
  const HANDLE own = ::GetStdHandle(which);
  UniqueHandle copy;
  if (own != nullptr && own != INVALID_HANDLE_VALUE) copy = inheritable_copy(own);
  if (copy && ::GetFileType(copy.get()) == FILE_TYPE_UNKNOWN) copy.reset();
  return copy ? std::move(copy) : inheritable_null_device();
}

/// Attributes of a process that is to be. Their values are looked at when it is made.
class ProcessAttributes {
 public:
  explicit ProcessAttributes(DWORD count) {
    SIZE_T bytes = 0;
    ::InitializeProcThreadAttributeList(nullptr, count, 0, &bytes);
    memory_ = std::make_unique<std::byte[]>(bytes);
    if (::InitializeProcThreadAttributeList(get(), count, 0, &bytes) == 0) throw std::bad_alloc();
  }
  ~ProcessAttributes() { ::DeleteProcThreadAttributeList(get()); }
  ProcessAttributes(const ProcessAttributes&) = delete;
  ProcessAttributes& operator=(const ProcessAttributes&) = delete;

  template <std::size_t Count>
  [[nodiscard]] bool set(DWORD_PTR attribute, std::array<HANDLE, Count>& handles) noexcept {
    return ::UpdateProcThreadAttribute(get(), 0, attribute, handles.data(), sizeof handles, nullptr,
                                       nullptr) != 0;
  }
  [[nodiscard]] LPPROC_THREAD_ATTRIBUTE_LIST get() const noexcept {
    return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get());
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
};

/// Where the program has no console, each worker would get one of its own, with a window.
bool has_console() noexcept {
  return ::GetConsoleCP() != 0;
}

}  // namespace

std::error_code spawn_program(const SpawnRequest& request, SpawnedProcess& spawned) {
  const UniqueHandle pipe = inheritable_copy(request.pipe);
  if (!pipe) return last_error();
  const UniqueHandle input = inheritable_null_device();
  if (!input) return last_error();
  const UniqueHandle output = inheritable_output(STD_OUTPUT_HANDLE);
  if (!output) return last_error();
  const UniqueHandle errors = inheritable_output(STD_ERROR_HANDLE);
  if (!errors) return last_error();

  std::array inherited{pipe.get(), input.get(), output.get(), errors.get()};
  std::array jobs{request.job};
  ProcessAttributes attributes(2);
  if (!attributes.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited) ||
      !attributes.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, jobs)) {
    return last_error();
  }
  STARTUPINFOEXW startup{};
  startup.StartupInfo.cb = sizeof startup;
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES | STARTF_FORCEOFFFEEDBACK;
  startup.StartupInfo.hStdInput = input.get();
  startup.StartupInfo.hStdOutput = output.get();
  startup.StartupInfo.hStdError = errors.get();
  startup.lpAttributeList = attributes.get();

  const std::wstring program = to_wide(request.program);
  std::wstring command_line = L'"' + program + L"\" " + to_wide(worker_argument);
  std::wstring environment = environment_block(request.environment, pipe.get());
  const std::wstring directory = to_wide(request.working_directory);
  const DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT |
                      (has_console() ? 0U : static_cast<DWORD>(CREATE_NO_WINDOW));
  PROCESS_INFORMATION made{};
  if (::CreateProcessW(program.c_str(), command_line.data(), nullptr, nullptr, TRUE, flags,
                       environment.data(), directory.empty() ? nullptr : directory.c_str(),
                       &startup.StartupInfo, &made) == 0) {
    return last_error();
  }
  const UniqueHandle thread(made.hThread);
  spawned.process = UniqueHandle(made.hProcess);
  spawned.pid = static_cast<Pid>(made.dwProcessId);
  return {};
}

std::string self_program() {
  std::string path = module_path(nullptr);
  if (path.empty()) {
    throw_spawn_error("cannot find out the path of this program (GetModuleFileName)", last_error());
  }
  return path;
}

std::string find_program(const std::string& program) {
  std::wstring found(32768, L'\0');
  const DWORD length = ::SearchPathW(nullptr, to_wide(program).c_str(), L".exe",
                                     static_cast<DWORD>(found.size()), found.data(), nullptr);
  if (length == 0 || length >= found.size()) {
    throw_spawn_error("cannot find the worker program \"" + program + "\"", last_error());
  }
  found.resize(length);
  if ((::GetFileAttributesW(found.c_str()) & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    throw_spawn_error("the worker program \"" + program + "\" is a directory",
                      std::make_error_code(std::errc::is_a_directory));
  }
  return to_utf8(found);
}

std::string check_directory(const std::string& directory) {
  std::wstring absolute(32768, L'\0');
  const DWORD length = ::GetFullPathNameW(to_wide(directory).c_str(), static_cast<DWORD>(absolute.size()),
                                          absolute.data(), nullptr);
  absolute.resize(length < absolute.size() ? length : 0);
  const DWORD attributes = ::GetFileAttributesW(absolute.c_str());
  std::error_code error;
  if (attributes == INVALID_FILE_ATTRIBUTES) {
    error = last_error();
  } else if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) throw_spawn_error("workers cannot use the working directory \"" + directory + "\"", error);
  return to_utf8(absolute);
}

}  // namespace procpool::win32
