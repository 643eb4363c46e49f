// SPDX-License-Identifier: MIT
#include "posix/spawn_program.hpp"

#include "posix/process_setup.hpp"
#include "posix/role.hpp"
#include "posix/system_error.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

#include <spawn.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

/// Each call of the family returns an error number; the first one is kept.
class SpawnSettings {
 public:
  SpawnSettings() {
    note(posix_spawnattr_init(&attributes));
    note(posix_spawn_file_actions_init(&actions));
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void note(int result) noexcept {
    if (error == 0) error = result;
  }

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  int error = 0;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& on_top) {
  std::vector<std::string> merged;
  for (char** entry = process_environment(); *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (name != role_variable && on_top.find(name) == on_top.end()) merged.emplace_back(text);
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

}  // namespace

std::error_code spawn_program(const SpawnRequest& request, pid_t& pid) {
  std::vector<std::string> arguments{request.program};
  arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
  std::vector<std::string> environment = merged_environment(request.environment);

  SpawnSettings settings;
  int target = 3;
  for (const int fd : request.descriptors) {
    settings.note(posix_spawn_file_actions_adddup2(&settings.actions, fd, target++));
  }
  if (request.standard_error >= 0) {
    settings.note(posix_spawn_file_actions_adddup2(&settings.actions, request.standard_error, STDERR_FILENO));
  }
  if (!request.working_directory.empty()) {
    settings.note(posix_spawn_file_actions_addchdir_np(&settings.actions, request.working_directory.c_str()));
  }
  sigset_t none;
  sigemptyset(&none);
  settings.note(posix_spawnattr_setsigmask(&settings.attributes, &none));
  settings.note(posix_spawnattr_setsigdefault(&settings.attributes, &request.default_signals));
  settings.note(posix_spawnattr_setpgroup(&settings.attributes, 0));
  settings.note(posix_spawnattr_setflags(
      &settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  if (settings.error == 0) {
    settings.note(posix_spawn(&pid, request.program.c_str(), &settings.actions, &settings.attributes,
                              to_pointers(arguments).data(), to_pointers(environment).data()));
  }
  return to_error_code(settings.error);
}

std::string find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(program, error);
    if (error) throw_spawn_error("cannot find out where the worker program \"" + program + "\" is", error);
    if (::access(absolute.c_str(), X_OK) != 0) {
      throw_spawn_error("cannot execute the worker program \"" + program + "\"", last_error());
    }
    return absolute.string();
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const auto candidate = std::filesystem::absolute((directory.empty() ? "." : directory) + "/" + program);
    std::error_code error;
    if (std::filesystem::is_regular_file(candidate, error) && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate.string();
    }
  }
  throw_spawn_error("cannot find the worker program \"" + program + "\" in PATH", to_error_code(ENOENT));
}

}  // namespace procpool::posix
