// SPDX-License-Identifier: MIT
/// \file
/// The vocabulary of the other headers: how procpool names time, processes and jobs.
#pragma once

#include <chrono>
#include <cstdint>

namespace procpool {

/// Every clock of procpool is the steady one. On the supported systems it is comparable between processes.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// A process id, as the operating system shows it to its user.
using Pid = int;

/// Names one job within its pool. Counts up from 1 and is never used again.
using JobId = std::uint64_t;

}  // namespace procpool
