// SPDX-License-Identifier: MIT
/// \file
/// ImapSession: one imap, without the types of its items and results.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/job_handle.hpp>
#include <procpool/detail/pool_handle.hpp>
#include <procpool/detail/task_ref.hpp>
#include <procpool/export.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

namespace procpool::detail {

/// Reads its input ahead of what was taken from it, as far as keeps the workers busy and never further than a
/// bounded number of items, and hands out results in the order of the input or in that of their arrival. One
/// thread at a time; the input is read on that thread. One that was moved from throws std::logic_error.
class ImapSession {
 public:
  /// Appends the next item's encoded arguments; false at the end of the input.
  using Pull = std::function<bool(ByteBuffer&)>;

  struct Plan {
    TaskRef task;
    ByteBuffer prefix;
    std::uint32_t chunksize = 1;
    bool ordered = true;
  };

  PROCPOOL_EXPORT ImapSession(PoolHandle pool, Plan plan, Pull pull);
  PROCPOOL_EXPORT ImapSession(ImapSession&&) noexcept;
  PROCPOOL_EXPORT ImapSession& operator=(ImapSession&&) noexcept;
  PROCPOOL_EXPORT ~ImapSession();

  /// Something is left to be taken: a result, or an exception of the input. Reads the input, does not wait
  /// for results.
  [[nodiscard]] PROCPOOL_EXPORT bool more();
  /// One item's result, or what kept it from having one.
  struct Item {
    JobHandle job;
    std::size_t index = 0;
    std::exception_ptr input_error;
  };
  /// Waits for the next item. Needs more(). Throws TimeoutError, and can then be called again.
  PROCPOOL_EXPORT Item next(std::optional<Duration> timeout);

 private:
  struct State;
  [[nodiscard]] State& checked() const;

  std::unique_ptr<State> state_;
};

}  // namespace procpool::detail
