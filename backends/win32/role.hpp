// SPDX-License-Identifier: MIT
/// \file
/// How a program that is run anew learns that it is a worker.
///
/// Its command line ends with "--procpool-worker HANDLE", the inherited end of the pipe on which the
/// StartRecord comes, and the environment holds PROCPOOL_ROLE=PID, the pid of who started it: that is how a
/// program that does not call procpool::init is noticed. init() takes the variable away, so that what a task
/// starts does not see it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <windows.h>

namespace procpool::win32 {

inline constexpr const char* worker_argument = "--procpool-worker";
inline constexpr const char* role_variable = "PROCPOOL_ROLE";

/// What to append to the program's name. The value of an inherited handle is the same in the child.
[[nodiscard]] std::vector<std::string> worker_arguments(HANDLE pipe);

/// The pipe that this process's command line names; nullopt if that does not end as worker_arguments() has
/// it. Looks at the system's command line: programs have their entry points in several shapes (main, wmain,
/// WinMain), and not all of them get arguments.
[[nodiscard]] std::optional<HANDLE> parse_command_line(std::wstring_view line);

/// "PROCPOOL_ROLE=1234" for a child of this process.
[[nodiscard]] std::string role_marker();
/// True if the parent of this process has started it with role_marker().
[[nodiscard]] bool has_role_marker() noexcept;
void remove_role_marker() noexcept;

}  // namespace procpool::win32
