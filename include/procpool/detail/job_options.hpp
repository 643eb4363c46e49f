// SPDX-License-Identifier: MIT
/// \file
/// JobOptions: CallOptions and MapOptions, without the type of the result.
#pragma once

#include <procpool/detail/job_handle.hpp>
#include <procpool/types.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <string>

namespace procpool::detail {

struct JobOptions {
  /// Called with the settled job, on the callback thread; decodes the value for the user's callback.
  std::function<void(const JobHandle&)> on_success;
  std::function<void(std::exception_ptr)> on_error;
  std::function<void(Pid, TimePoint)> on_accept;
  std::function<void(bool soft, Duration limit)> on_timeout;
  std::function<void(double fraction, const std::string& note)> on_progress;
  /// An exception that a callback let out was expected.
  std::function<bool(const std::exception_ptr&)> expects;
  std::optional<Duration> soft_timeout;
  std::optional<Duration> timeout;
  std::optional<Duration> lost_worker_timeout;
  bool wait_for_slot = true;
  std::string correlation_id;
};

}  // namespace procpool::detail
