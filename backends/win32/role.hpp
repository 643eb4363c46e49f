// SPDX-License-Identifier: MIT
/// \file
/// How a program that is run anew learns that it is a worker.
///
/// Its command line ends with "--procpool-worker", and the environment holds PROCPOOL_ROLE=PID:PIPE, the pid
/// of who started it (that is how a program that does not call procpool::init is noticed) and the inherited
/// end of the pipe on which the StartRecord comes. init() takes the variable away, so that what a task starts
/// does not see it.
#pragma once

#include "win32/unique_handle.hpp"

#include <string>
#include <string_view>

namespace procpool::win32 {

inline constexpr const char* worker_argument = "--procpool-worker";
inline constexpr const char* role_variable = "PROCPOOL_ROLE";

/// The line ends with worker_argument. To be asked of the system's own: programs have their entry points in
/// several shapes (main, wmain, WinMain), and not all of them get arguments.
[[nodiscard]] bool is_worker_line(std::wstring_view line);

/// "1234:56" for a child of this process that inherits the pipe.
[[nodiscard]] std::string role_marker(HANDLE pipe);
/// True if the parent of this process has started it with role_marker().
[[nodiscard]] bool has_role_marker() noexcept;
/// The pipe of the marker; empty if it is none. To be asked once. Children do not inherit it any more.
[[nodiscard]] UniqueHandle inherited_pipe() noexcept;
void remove_role_marker() noexcept;

}  // namespace procpool::win32
