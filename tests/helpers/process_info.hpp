// SPDX-License-Identifier: MIT
/// \file
/// What a POSIX system tells about any process. In platform_procfs.cpp and platform_darwin.cpp.
#pragma once

#include <procpool/types.hpp>

#include <optional>

namespace procpool::testing {

struct ProcessInfo {
  Pid parent = 0;
  bool runs = false;  ///< it is no zombie
};

/// Nothing if it is gone. Some systems do not tell of zombies.
[[nodiscard]] std::optional<ProcessInfo> process_info(Pid pid);

}  // namespace procpool::testing
