// SPDX-License-Identifier: MIT
/// \file
/// spawn_program: starts a program as a worker.
#pragma once

#include "win32/unique_handle.hpp"

#include <procpool/types.hpp>

#include <map>
#include <string>
#include <system_error>

namespace procpool::win32 {

struct SpawnRequest {
  /// A path. UTF-8, like all of this.
  std::string program;
  /// Set on top of the environment of this process; names differ by more than their case.
  std::map<std::string, std::string> environment;
  /// Absolute; empty for this process's own.
  std::string working_directory;
  /// The child's end of the pipe for its StartRecord.
  HANDLE pipe = nullptr;
  /// What the child is in, before it has run anything.
  HANDLE job = nullptr;
};

struct SpawnedProcess {
  UniqueHandle process;  ///< with all rights that a WorkerHandle needs
  Pid pid = 0;
};

/// Starts the program with role_marker() in its environment. Its input is empty, its output and errors go
/// where this process's standard handles do (GetStdHandle), and it inherits nothing else but its pipe. Any
/// thread. Gives an error, or sets `spawned`. Throws std::bad_alloc.
[[nodiscard]] std::error_code spawn_program(const SpawnRequest& request, SpawnedProcess& spawned);

/// The path of the program that this process runs. Throws SpawnError.
[[nodiscard]] std::string self_program();

/// The path of the program that CreateProcess would find by this name, made absolute. Throws SpawnError if
/// there is none.
[[nodiscard]] std::string find_program(const std::string& program);

/// An absolute path. Throws SpawnError if it is no directory.
[[nodiscard]] std::string check_directory(const std::string& directory);

}  // namespace procpool::win32
