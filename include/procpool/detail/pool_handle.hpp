// SPDX-License-Identifier: MIT
/// \file
/// PoolHandle: what a Pool asks of the library, without types of tasks and results.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/job_handle.hpp>
#include <procpool/detail/job_options.hpp>
#include <procpool/detail/loan.hpp>
#include <procpool/detail/map_items.hpp>
#include <procpool/detail/task_ref.hpp>
#include <procpool/detail/values_place.hpp>
#include <procpool/export.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/stats.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace procpool {
struct PoolOptions;
enum class MemoryLimitBy : unsigned char;
}  // namespace procpool

namespace procpool::detail {

class PoolCore;

/// Shares a running pool. Any thread. Members of a handle that refers to none (a Pool moved from) throw
/// std::logic_error.
class PoolHandle {
 public:
  PROCPOOL_EXPORT explicit PoolHandle(PoolOptions&& options);

  /// `bytes` holds the prefix and then the arguments.
  PROCPOOL_EXPORT JobHandle call(TaskRef task, std::size_t prefix_length, ByteBuffer&& bytes,
                                 std::unique_ptr<JobOptions> options) const;
  /// The same; returns when the call has settled, and does not throw before that if something is lent:
  /// nobody uses it any more. Nobody else gets a handle, by which the call could settle while a worker is at
  /// it.
  PROCPOOL_EXPORT JobHandle call_and_wait(TaskRef task, std::size_t prefix_length, ByteBuffer&& bytes,
                                          const Loan& loan) const;
  PROCPOOL_EXPORT JobHandle map(TaskRef task, ByteBuffer&& prefix, MapItems&& items,
                                std::unique_ptr<JobOptions> options) const;
  /// Returns when all items have settled, as call_and_wait() does.
  PROCPOOL_EXPORT JobHandle map_and_wait(TaskRef task, ByteBuffer&& prefix, MapItems&& items,
                                         ValuesPlace& place) const;
  /// No callback is made, which might change what is lent, by a thread that waits for a call.
  [[nodiscard]] PROCPOOL_EXPORT bool may_lend() const;
  [[nodiscard]] PROCPOOL_EXPORT std::size_t max_message() const;
  /// Throws what a submission would throw.
  PROCPOOL_EXPORT void check_open() const;

  PROCPOOL_EXPORT void close() const;
  PROCPOOL_EXPORT void terminate() const;
  PROCPOOL_EXPORT bool join(std::optional<Duration> timeout) const;
  /// terminate() and join(); nothing on a handle that refers to none.
  PROCPOOL_EXPORT void end() noexcept;
  PROCPOOL_EXPORT void grow(std::size_t count) const;
  PROCPOOL_EXPORT void shrink(std::size_t count) const;
  PROCPOOL_EXPORT void restart() const;
  PROCPOOL_EXPORT void terminate_job(Pid pid, int signum) const;
  PROCPOOL_EXPORT void maintain() const;
  PROCPOOL_EXPORT void handle_result_event() const;
  [[nodiscard]] PROCPOOL_EXPORT NativeHandle event_handle() const;
  [[nodiscard]] PROCPOOL_EXPORT bool did_start_ok() const;
  [[nodiscard]] PROCPOOL_EXPORT std::vector<NativeHandle> process_sentinels() const;
  [[nodiscard]] PROCPOOL_EXPORT PoolStats stats() const;
  [[nodiscard]] PROCPOOL_EXPORT MemoryLimitBy memory_limit_by() const;
  [[nodiscard]] PROCPOOL_EXPORT std::size_t size() const;
  [[nodiscard]] PROCPOOL_EXPORT std::vector<Pid> worker_pids() const;
  PROCPOOL_EXPORT void on_callback_error(std::function<void(std::exception_ptr)> handler) const;

  [[nodiscard]] const std::shared_ptr<PoolCore>& core() const noexcept { return core_; }

 private:
  [[nodiscard]] PoolCore& get() const;

  std::shared_ptr<PoolCore> core_;
};

}  // namespace procpool::detail
