// SPDX-License-Identifier: MIT
/// \file
/// LastWords: what a lost worker has left, beside its exit status.
#pragma once

#include "crash/crash_record.hpp"

#include <optional>
#include <string>

namespace procpool::detail {

/// Held by a WorkerLostError and its copies; never changed.
struct LastWords {
  std::optional<CrashRecord> crash;
  std::string stderr_tail;
};

}  // namespace procpool::detail
