// SPDX-License-Identifier: MIT
/// \file
/// JobHandle: what all results have in common, whatever their type.
#pragma once

#include <procpool/export.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace procpool::detail {

class Job;

/// Refers to a job, or to none. Copies refer to the same job and see the same outcome; all members may be
/// called on any thread. A handle may outlive its pool. Members of a handle that refers to none throw
/// std::logic_error.
class PROCPOOL_EXPORT JobHandle {
 public:
  JobHandle() noexcept = default;
  /// Takes over the caller's reference.
  explicit JobHandle(Job* job) noexcept : job_(job) {}
  JobHandle(const JobHandle& other) noexcept;
  JobHandle(JobHandle&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
  JobHandle& operator=(JobHandle other) noexcept {
    std::swap(job_, other.job_);
    return *this;
  }
  ~JobHandle();

  [[nodiscard]] bool valid() const noexcept { return job_ != nullptr; }

  bool wait(std::optional<Duration> timeout) const;
  /// wait(), but throws TimeoutError if the time passed first.
  void await(std::optional<Duration> timeout) const;
  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool successful() const;
  [[nodiscard]] bool accepted() const;
  [[nodiscard]] std::vector<Pid> worker_pids() const;
  [[nodiscard]] JobId job_id() const;
  [[nodiscard]] const std::string& correlation_id() const;

  /// Calls `action` once, on the callback thread, when the job has settled; if it has already, soon.
  void when_ready(std::function<void()> action) const;

  bool cancel() const;
  void terminate(int signum) const;
  void discard() const;

  /// How many results there are: 1 for apply, one for each item for map.
  [[nodiscard]] std::size_t items() const;
  /// The encoded result of an item of a job that is ready; throws the item's error. Lives as long as the job.
  [[nodiscard]] std::span<const std::byte> value(std::size_t item) const;
  /// The error of the first item that has one; nullptr if all went well. The job is ready.
  [[nodiscard]] std::exception_ptr error() const;

 private:
  [[nodiscard]] Job& job() const;

  Job* job_ = nullptr;
};

}  // namespace procpool::detail
