// SPDX-License-Identifier: MIT
#include "trace/trace_recorder.hpp"

#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace procpool::detail {
namespace {

/// What jobs may not take: deaths and kills are told though there are too many of those.
constexpr std::size_t room_for_rare_events = 1024;
/// Texts are written when they have this length, in bytes.
constexpr std::size_t piece = std::size_t{64} << 10;
constexpr std::size_t longest_event = 4096;  // as a rule; only how much is reserved

}  // namespace

TraceRecorder::TraceRecorder(Settings settings)
    : settings_(std::move(settings)),
      submit_times_(settings_.most_marks),
      format_(settings_.host, [this](TraceTask task) { return names_.name(task); }) {
  events_.reserve(settings_.most_events + room_for_rare_events);
  writing_.reserve(settings_.most_events + room_for_rare_events);
}

void TraceRecorder::submitted(JobId first, TimePoint now) noexcept {
  const std::lock_guard guard(mutex_);
  if (!ended_) submit_times_.add(first, now);
}

TraceTask TraceRecorder::task(std::uint64_t ref, std::span<const std::byte> prefix) noexcept {
  return names_.number(ref, prefix);
}

void TraceRecorder::add(TraceEvent&& event) noexcept {
  bool write_now = false;
  bool first = false;
  {
    const std::lock_guard guard(mutex_);
    if (ended_ || finished_) return;
    if (!has_room_for(event)) {
      ++left_out_;
      return;
    }
    if (event.kind == TraceKind::job) {
      if (const auto submitted = submit_times_.of(event.job); submitted && *submitted < event.begin) {
        event.queued = event.begin - *submitted;
      }
    }
    const bool rare = event.kind != TraceKind::job;
    try {
      events_.push_back(std::move(event));
    } catch (const std::bad_alloc&) {
      ++left_out_;
      return;
    }
    write_now = !write_requested_ && (rare || events_.size() >= settings_.most_events / 2);
    write_requested_ = write_requested_ || write_now;
    first = events_.size() == 1 && !write_requested_;
  }
  if (write_now) request_write();
  if (first) settings_.waits();
}

bool TraceRecorder::has_room_for(const TraceEvent& event) noexcept {
  const std::size_t room = settings_.most_events + (event.kind == TraceKind::job ? 0 : room_for_rare_events);
  return events_.size() < room;
}

std::optional<TimePoint> TraceRecorder::tick(TimePoint now) noexcept {
  {
    const std::lock_guard guard(mutex_);
    if (events_.empty() || ended_ || write_requested_) return std::nullopt;
    if (now - written_at_ < settings_.longest_wait) return written_at_ + settings_.longest_wait;
    write_requested_ = true;
  }
  request_write();
  return std::nullopt;
}

void TraceRecorder::finish() noexcept {
  {
    const std::lock_guard guard(mutex_);
    if (finished_) return;
    finished_ = true;
    if (write_requested_) return;  // which will see to it
    write_requested_ = true;
  }
  request_write();
}

void TraceRecorder::request_write() noexcept {
  try {
    settings_.later([self = shared_from_this()] { self->write(); });
  } catch (...) {
    // No memory for it now; the next tick asks again.
    const std::lock_guard guard(mutex_);
    write_requested_ = false;
  }
}

void TraceRecorder::write() noexcept {
  std::exception_ptr failure;
  {
    const std::lock_guard writing(output_mutex_);
    write_what_waits(failure);
  }
  if (failure) tell(failure);
}

void TraceRecorder::write_what_waits(std::exception_ptr& failure) noexcept {
  std::uint64_t left_out = 0;
  bool last = false;
  {
    const std::lock_guard guard(mutex_);
    write_requested_ = false;
    if (ended_) return;
    std::swap(events_, writing_);
    left_out = std::exchange(left_out_, 0);
    last = finished_;
    ended_ = last;
    written_at_ = Clock::now();
  }
  try {
    std::string json;
    json.reserve(piece + longest_event);
    if (!std::exchange(begun_, true)) format_.begin(json);
    for (const TraceEvent& event : writing_) {
      format_.append(json, event);
      if (json.size() >= piece) {
        append(json);
        json.clear();
      }
    }
    if (left_out != 0) format_.append_dropped(json, left_out, Clock::now());
    if (last) TraceFormat::end(json);
    append(json);
  } catch (...) {
    failure = std::current_exception();
    last = true;
    const std::lock_guard guard(mutex_);
    ended_ = true;
    events_.clear();
  }
  writing_.clear();
  if (last) output_.reset();
}

void TraceRecorder::tell(const std::exception_ptr& failure) noexcept {
  if (!settings_.failed) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    try {
      settings_.failed(error.what());
    } catch (...) {
      // Nobody can be told then.
    }
  } catch (...) {
    // What formats and writes throws nothing else.
  }
}

void TraceRecorder::append(const std::string& json) {
  if (json.empty()) return;
  if (const std::error_code error = output_->append(json)) throw std::system_error(error);
}

}  // namespace procpool::detail
