// SPDX-License-Identifier: MIT
/// \file
/// PoolStats: what a pool has done and is doing.
#pragma once

#include <procpool/memory_size.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace procpool {

struct WorkerStats {
  Pid pid = 0;
  std::uint64_t jobs = 0;  ///< answered so far
  Duration busy{0};        ///< spent in them
  bool running = false;    ///< it is in a job now
  std::optional<MemorySize> footprint;
};

/// One moment of a pool. A job here is what travels as one message: a call, an item of a map, or a chunk.
struct PoolStats {
  std::size_t queued = 0;      ///< submitted, and no worker has begun
  std::size_t running = 0;     ///< a worker is at it
  std::uint64_t done = 0;      ///< answered: with a value or with an exception of the task
  std::uint64_t lost = 0;      ///< failed with their worker, whatever killed it
  std::uint64_t restarts = 0;  ///< workers started in place of others
  std::vector<WorkerStats> workers;
};

}  // namespace procpool
