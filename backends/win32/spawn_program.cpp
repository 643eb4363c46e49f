// SPDX-License-Identifier: MIT
// uv_spawn on a loop that lives for this one call: libuv knows how to write a command line and an environment
// block, and the process is then watched through handles of our own, by whatever loop serves the pool.
#include "win32/spawn_program.hpp"

#include "loop/uv_error.hpp"
#include "win32/role.hpp"
#include "win32/system_error.hpp"
#include "win32/text.hpp"

#include <array>
#include <mutex>
#include <new>
#include <vector>

#include <uv.h>

namespace procpool::win32 {

namespace {

/// uv_spawn makes inheritable copies of what the child gets, and up to libuv 1.52 hands every inheritable
/// handle of this process to it. So that a worker gets none of another's.
std::mutex spawning;

/// libuv never closes a standard descriptor: where the program has closed its own, nothing else may get the
/// number.
void fill_standard_descriptors() noexcept {
  for (int fd = 0; fd >= 0 && fd <= 2;) {
    uv_fs_t request;
    fd = uv_fs_open(nullptr, &request, "NUL", UV_FS_O_RDWR, 0, nullptr);
    uv_fs_req_cleanup(&request);
    if (fd <= 2) continue;
    uv_fs_close(nullptr, &request, fd, nullptr);
    uv_fs_req_cleanup(&request);
  }
}

/// A copy of a handle as a descriptor of libuv's C library, which need not be this one's.
class Descriptor {
 public:
  explicit Descriptor(HANDLE handle) noexcept {
    fill_standard_descriptors();
    HANDLE copy = nullptr;
    const HANDLE self = ::GetCurrentProcess();
    if (::DuplicateHandle(self, handle, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) == 0) return;
    fd_ = uv_open_osfhandle(copy);
    if (fd_ < 0) ::CloseHandle(copy);
  }
  ~Descriptor() {
    if (fd_ < 0) return;
    uv_fs_t request;
    uv_fs_close(nullptr, &request, fd_, nullptr);
    uv_fs_req_cleanup(&request);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// Negative if there is none.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// Names of variables are compared without regard to case.
bool same_name(std::string_view one, std::string_view other) {
  const std::wstring wide_one = to_wide(one);
  const std::wstring wide_other = to_wide(other);
  return ::CompareStringOrdinal(wide_one.data(), static_cast<int>(wide_one.size()), wide_other.data(),
                                static_cast<int>(wide_other.size()), TRUE) == CSTR_EQUAL;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& on_top) {
  std::vector<std::string> merged;
  uv_env_item_t* items = nullptr;
  int count = 0;
  if (uv_os_environ(&items, &count) != 0) throw std::bad_alloc();
  struct Free {
    uv_env_item_t* items;
    int count;
    ~Free() { uv_os_free_environ(items, count); }
  } const free{items, count};
  for (int i = 0; i < count; ++i) {
    bool replaced = same_name(items[i].name, role_variable);
    for (const auto& [name, value] : on_top) replaced = replaced || same_name(items[i].name, name);
    if (!replaced) merged.push_back(std::string(items[i].name) + "=" + items[i].value);
  }
  for (const auto& [name, value] : on_top) merged.push_back(name + "=" + value);
  merged.push_back(role_marker());
  return merged;
}

std::vector<char*> to_pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// A program without a console of its own must not make a window appear for each of its workers.
bool host_has_windows_only() noexcept {
  const auto* const base = reinterpret_cast<const unsigned char*>(::GetModuleHandleW(nullptr));
  const auto* const dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(base);
  const auto* const headers = reinterpret_cast<const IMAGE_NT_HEADERS*>(base + dos->e_lfanew);
  return headers->OptionalHeader.Subsystem == IMAGE_SUBSYSTEM_WINDOWS_GUI;
}

/// The process is suspended in nothing: it may have ended already, but its pid is not another's as long as
/// libuv holds a handle.
std::error_code take_over(const uv_process_t& child, SpawnedProcess& spawned) noexcept {
  constexpr DWORD rights = PROCESS_DUP_HANDLE | PROCESS_TERMINATE | PROCESS_SET_QUOTA |
                           PROCESS_QUERY_INFORMATION | PROCESS_VM_READ | SYNCHRONIZE;
  spawned.pid = child.pid;
  spawned.process = UniqueHandle(::OpenProcess(rights, FALSE, static_cast<DWORD>(child.pid)));
  return spawned.process ? std::error_code() : last_error();
}

/// libuv has names for some errors of Windows alone; that of CreateProcess is still there when it has none.
std::error_code spawn_error(int status, DWORD of_system) {
  return status == UV_UNKNOWN && of_system != 0 ? to_error_code(of_system) : detail::uv_error(status);
}

}  // namespace

std::error_code spawn_program(const SpawnRequest& request, SpawnedProcess& spawned) {
  std::vector<std::string> arguments{request.program, worker_argument};
  std::vector<std::string> environment = merged_environment(request.environment);
  std::vector<char*> argument_pointers = to_pointers(arguments);
  std::vector<char*> environment_pointers = to_pointers(environment);

  const Descriptor pipe(request.pipe);
  if (pipe.fd() < 0) return std::make_error_code(std::errc::too_many_files_open);
  std::array<uv_stdio_container_t, pipe_stream + 1> stdio{};
  stdio[0].flags = UV_IGNORE;
  for (const int stream : {1, 2, pipe_stream}) {
    stdio[static_cast<std::size_t>(stream)].flags = UV_INHERIT_FD;
    stdio[static_cast<std::size_t>(stream)].data.fd = stream == pipe_stream ? pipe.fd() : stream;
  }
  uv_process_options_t options{};
  options.file = request.program.c_str();
  options.args = argument_pointers.data();
  options.env = environment_pointers.data();
  options.cwd = request.working_directory.empty() ? nullptr : request.working_directory.c_str();
  options.flags = host_has_windows_only() ? static_cast<unsigned>(UV_PROCESS_WINDOWS_HIDE) : 0U;
  options.stdio_count = static_cast<int>(stdio.size());
  options.stdio = stdio.data();

  const std::lock_guard lock(spawning);
  uv_loop_t loop;
  if (const int status = uv_loop_init(&loop); status < 0) return detail::uv_error(status);
  uv_process_t child{};
  const int status = uv_spawn(&loop, &child, &options);
  const DWORD of_system = ::GetLastError();
  const std::error_code error = status < 0 ? spawn_error(status, of_system) : take_over(child, spawned);
  uv_close(reinterpret_cast<uv_handle_t*>(&child), nullptr);
  while (uv_loop_close(&loop) == UV_EBUSY) uv_run(&loop, UV_RUN_NOWAIT);
  return error;
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
