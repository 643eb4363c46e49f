// SPDX-License-Identifier: MIT
/// \file
/// How a program that is run anew learns that it is a worker.
///
/// Its command line ends with "--procpool-worker", behind its standard streams it has inherited the end of
/// the pipe on which the StartRecord comes, and the environment holds PROCPOOL_ROLE=PID, the pid of who
/// started it: that is how a program that does not call procpool::init is noticed. init() takes the variable
/// away, so that what a task starts does not see it.
#pragma once

#include <string>
#include <string_view>

#include <windows.h>

namespace procpool::win32 {

inline constexpr const char* worker_argument = "--procpool-worker";
inline constexpr const char* role_variable = "PROCPOOL_ROLE";

/// Of the streams that a worker inherits, standard input being 0: the pipe.
inline constexpr int pipe_stream = 3;

/// The line ends with worker_argument. To be asked of the system's own: programs have their entry points in
/// several shapes (main, wmain, WinMain), and not all of them get arguments.
[[nodiscard]] bool is_worker_line(std::wstring_view line);

/// The inherited pipe; nullptr if there is none. It belongs to the C library too, as a descriptor, and so is
/// not to be closed. Children do not inherit it any more.
[[nodiscard]] HANDLE inherited_pipe() noexcept;

/// "PROCPOOL_ROLE=1234" for a child of this process.
[[nodiscard]] std::string role_marker();
/// True if the parent of this process has started it with role_marker().
[[nodiscard]] bool has_role_marker() noexcept;
void remove_role_marker() noexcept;

}  // namespace procpool::win32
