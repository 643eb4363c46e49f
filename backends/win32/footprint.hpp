// SPDX-License-Identifier: MIT
/// \file
/// The memory of a process.
#pragma once

#include <procpool/memory_size.hpp>

#include <optional>

#include <windows.h>

namespace procpool::win32 {

/// The private memory that the process has committed now. The handle needs PROCESS_QUERY_INFORMATION and
/// PROCESS_VM_READ. Nothing if the process is gone.
[[nodiscard]] std::optional<MemorySize> read_footprint(HANDLE process) noexcept;

}  // namespace procpool::win32
