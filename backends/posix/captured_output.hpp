// SPDX-License-Identifier: MIT
/// \file
/// CapturedOutput: the host's end of a pipe that a worker has in place of its standard error.
#pragma once

#include "posix/host_fd.hpp"
#include "supervision/output_tail.hpp"

#include <cstddef>
#include <mutex>
#include <string>

namespace procpool::posix {

/// Owns the reading end. Any thread may ask for the tail; the rest is for the loop's.
class CapturedOutput {
 public:
  /// Makes the pipe; the end for the worker, which blocks, is put into `writing_end`. Throws SpawnError.
  CapturedOutput(std::size_t capacity, HostFd& writing_end);

  /// Nonblocking, to be watched.
  [[nodiscard]] int descriptor() const noexcept { return reading_end_.get(); }
  /// Takes what is there, but no more than 64 KiB, so that no worker keeps the loop for itself. False if
  /// nothing more will come.
  bool take_some() noexcept;
  /// Takes all that is there, but no more than a pipe can hold: the worker is dead, and something that has
  /// left its group may go on writing.
  void take_the_rest() noexcept;

  [[nodiscard]] std::string tail() const;

 private:
  enum class Taken { something, nothing, end };
  Taken take() noexcept;

  HostFd reading_end_;
  mutable std::mutex mutex_;
  detail::OutputTail tail_;  ///< guarded by mutex_
};

}  // namespace procpool::posix
