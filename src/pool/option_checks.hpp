// SPDX-License-Identifier: MIT
/// \file
/// Checks of PoolOptions. Each returns the field's value, or its default, or throws std::invalid_argument
/// that names the field.
#pragma once

#include "dispatcher/submission.hpp"
#include "trace/trace_output.hpp"

#include <procpool/options.hpp>

#include <cstddef>
#include <memory>

namespace procpool::detail {

inline constexpr std::size_t most_processes = 4096;

[[nodiscard]] std::size_t checked_processes(const PoolOptions& options);
[[nodiscard]] Limits checked_limits(const PoolOptions& options);
[[nodiscard]] Duration checked_lost_worker_timeout(const PoolOptions& options);
/// nullptr: no slots are taken.
[[nodiscard]] std::shared_ptr<Semaphore> checked_semaphore(const PoolOptions& options);
[[nodiscard]] std::size_t checked_max_restarts(const PoolOptions& options);
[[nodiscard]] Duration checked_max_restart_freq(const PoolOptions& options);
[[nodiscard]] WorkerTerms checked_terms(const PoolOptions& options);
/// What the workers have in common.
[[nodiscard]] WorkerSetup checked_setup(const PoolOptions& options);
/// 0: no limit.
[[nodiscard]] std::size_t checked_max_queued_jobs(const PoolOptions& options);
[[nodiscard]] std::shared_ptr<ProcessBackend> checked_backend(const PoolOptions& options);
/// Makes the file anew, so to be called when all else has been checked.
[[nodiscard]] std::unique_ptr<TraceOutput> open_checked_trace(const PoolOptions& options);

}  // namespace procpool::detail
