// SPDX-License-Identifier: MIT
/// \file
/// TraceRecorder: keeps a pool's events until they are written to its trace.
#pragma once

#include "trace/submit_times.hpp"
#include "trace/task_names.hpp"
#include "trace/trace_format.hpp"
#include "trace/trace_output.hpp"
#include "trace/trace_sink.hpp"

#include <procpool/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace procpool::detail {

/// Events come in on any thread and wait in memory of a fixed size; they are formatted and written elsewhere,
/// where no lock of the pool's is held. What there is no room for is counted and left out. An error of the
/// output is told once, and ends the trace. Owned by std::shared_ptr.
class TraceRecorder final : public TraceSink, public std::enable_shared_from_this<TraceRecorder> {
 public:
  struct Settings {
    Pid host = 0;
    std::size_t most_events = 16384;   ///< of jobs that wait to be written
    std::size_t most_marks = 1 << 16;  ///< see SubmitTimes
    Duration longest_wait = std::chrono::milliseconds(200);
    /// Calls the function soon, once, on a thread that may wait for a disk. Called without a lock of the
    /// recorder's, maybe with one of the pool's.
    std::function<void(std::function<void()>)> later;
    /// Told that events wait and tick() should be called soon. Called as `later` is.
    std::function<void()> waits;
    /// Told in words of what has ended the trace. Called by what `later` calls, without a lock.
    std::function<void(std::string)> failed;
  };

  /// Takes all the memory it will need for events.
  explicit TraceRecorder(Settings settings);
  /// Before the first event.
  void write_to(std::unique_ptr<TraceOutput> output) noexcept { output_ = std::move(output); }

  void submitted(JobId first, TimePoint now) noexcept override;
  [[nodiscard]] TraceTask task(std::uint64_t ref, std::span<const std::byte> prefix) noexcept override;
  void add(TraceEvent&& event) noexcept override;

  /// Has written what has waited for long. Returns when to call it again, if anything waits. Any thread.
  std::optional<TimePoint> tick(TimePoint now) noexcept;
  /// Writes what is left, soon, and ends the file. What comes later is left out.
  void finish() noexcept;

 private:
  [[nodiscard]] bool has_room_for(const TraceEvent& event) noexcept;
  void request_write() noexcept;
  void write() noexcept;
  void write_what_waits(std::exception_ptr& failure) noexcept;
  void append(const std::string& json);
  void tell(const std::exception_ptr& failure) noexcept;

  const Settings settings_;
  TaskNames names_;

  std::mutex mutex_;
  std::vector<TraceEvent> events_;
  SubmitTimes submit_times_;
  std::uint64_t left_out_ = 0;
  TimePoint written_at_{};
  bool write_requested_ = false;
  bool finished_ = false;
  bool ended_ = false;  ///< the last has been written, or the output has failed

  std::mutex output_mutex_;  ///< held while writing; never with mutex_ locked before it
  std::unique_ptr<TraceOutput> output_;
  TraceFormat format_;
  std::vector<TraceEvent> writing_;
  bool begun_ = false;
};

}  // namespace procpool::detail
