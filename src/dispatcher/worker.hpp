// SPDX-License-Identifier: MIT
/// \file
/// Worker: what the Dispatcher knows of one worker process.
#pragma once

#include "channel/host_channel.hpp"
#include "dispatcher/ref.hpp"
#include "dispatcher/submission.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace procpool::detail {

/// Why procpool itself ends a worker; decides the verdict of the job that the worker takes along.
enum class Condemnation : std::uint8_t {
  none,
  protocol_violation,
  hard_limit,
  job_terminated,
  memory_limit,
  pool_terminated,
  vanished,    ///< it is dead, and nobody has told so in time
  late_start,  ///< it has not claimed its first message in time
  late_end,    ///< it had nothing left to do, and has not ended in time
};

/// For people.
[[nodiscard]] constexpr const char* to_string(Condemnation why) noexcept {
  switch (why) {
    case Condemnation::none:
      break;
    case Condemnation::protocol_violation:
      return "protocol violation";
    case Condemnation::hard_limit:
      return "hard limit";
    case Condemnation::job_terminated:
      return "job terminated";
    case Condemnation::memory_limit:
      return "memory limit";
    case Condemnation::pool_terminated:
      return "pool terminated";
    case Condemnation::vanished:
      return "found dead";
    case Condemnation::late_start:
      return "did not begin";
    case Condemnation::late_end:
      return "did not end";
  }
  return "";
}

/// One published message: a unit, or a pack of units that follow each other. No submission: it is the
/// worker's hello or its exit task.
struct InFlight {
  Ref<Submission> submission;
  std::uint32_t unit = 0;   ///< the first that is not answered
  std::uint32_t count = 1;  ///< of those that are not answered
  bool announce = false;
  bool asks = false;                      ///< the worker waits for our word on it
  TimePoint published;                    ///< or when the worker got our word on it
  bool soft_told = false;                 ///< the soft limit of `watched` has passed, and the worker knows
  std::uint32_t watched = 0;              ///< the unit that runs, as far as limits need to know
  TimePoint started = TimePoint::max();   ///< of `watched`: the earliest start that was seen
  TimePoint finished = TimePoint::max();  ///< first seen to wait for room, after its limit
};

/// The messages that are out at one worker, oldest first; as many as its job ring holds. Memory that was
/// never needed is not touched.
class InFlightQueue {
 public:
  InFlightQueue() = default;
  InFlightQueue(const InFlightQueue&) = delete;
  InFlightQueue& operator=(const InFlightQueue&) = delete;
  ~InFlightQueue() {
    while (!empty()) take(first_++);
  }
  [[nodiscard]] bool empty() const noexcept { return first_ == end_; }
  [[nodiscard]] std::uint32_t messages() const noexcept { return end_ - first_; }
  [[nodiscard]] std::uint32_t units() const noexcept { return units_; }
  [[nodiscard]] InFlight& front() noexcept { return item(first_); }
  [[nodiscard]] const InFlight& front() const noexcept { return item(first_); }
  [[nodiscard]] InFlight& at(std::uint32_t index) noexcept { return item(first_ + index); }
  void push_back(InFlight flight) noexcept {
    assert(messages() < ring_slots);
    units_ += flight.count;
    std::construct_at(&item(end_++), std::move(flight));
  }
  /// The oldest `count` units, which are of one message.
  InFlight pop_front(std::uint32_t count = 1) noexcept {
    InFlight& oldest = front();
    assert(count <= oldest.count);
    units_ -= count;
    if (count == oldest.count) return take(first_++);
    InFlight part = oldest;
    part.count = count;
    oldest.unit += count;
    oldest.count -= count;
    return part;
  }
  /// The newest units: up to `most`, of one message.
  InFlight pop_back(std::uint32_t most) noexcept {
    InFlight& newest = item(end_ - 1);
    const std::uint32_t count = std::min(most, newest.count);
    units_ -= count;
    if (count == newest.count) return take(--end_);
    InFlight part = newest;
    newest.count -= count;
    part.unit += newest.count;
    part.count = count;
    return part;
  }

 private:
  union Slot {
    Slot() noexcept {}
    ~Slot() {}
    InFlight item;
  };

  [[nodiscard]] InFlight& item(std::uint32_t number) const noexcept {
    return slots_[number % ring_slots].item;
  }
  InFlight take(std::uint32_t number) noexcept {
    InFlight taken = std::move(item(number));
    std::destroy_at(&item(number));
    return taken;
  }

  std::unique_ptr<Slot[]> slots_{new Slot[ring_slots]};
  std::uint32_t first_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t units_ = 0;
};

struct Worker {
  /// The process is given to it once all of it is there.
  Worker(WorkerId worker_id, WorkerProcess& worker_process, const WorkerTerms& terms)
      : id(worker_id), channel(worker_process, terms) {}

  WorkerId id;
  std::unique_ptr<WorkerProcess> process;
  HostChannel channel;
  InFlightQueue out;
  std::deque<Message> unsent;  ///< greetings that there was no room for yet; they are in `out`
  Pid pid = 0;
  std::uint32_t greetings = 0;  ///< messages that are no jobs and not answered yet; they are the oldest
  bool up = false;              ///< it has answered the hello
  bool retiring = false;        ///< it gets no more jobs
  bool given_up = false;        ///< all its jobs are settled or elsewhere, and its end is still to be told
  Condemnation condemned = Condemnation::none;
  bool killed = false;               ///< once it was condemned
  TimePoint born_at{};               ///< when its pid became known
  std::exception_ptr startup_error;  ///< why it did not start, in the host's words
  /// What its initializer threw, encoded; empty if there was no memory for it.
  std::optional<ByteBuffer> startup_failure;
  std::exception_ptr verdict;  ///< on what it has lost
  std::uint64_t jobs_done = 0;
  Duration busy{0};
  TimePoint condemned_at{};
  std::optional<TimePoint> idle_since;  ///< it retires, and has answered everything
  TimePoint life_looked_at{};
  std::optional<TimePoint> made_room_at;  ///< when so much was read that it may have waited for that
  Duration limit{0};                      ///< that the condemned job has broken
  int signum = 0;                         ///< that its termination was asked for with

  /// Publishes greetings while there is room for them: a long one has to be answered first.
  void greet() {
    while (!unsent.empty() && channel.has_room(unsent.front())) {
      channel.stage(unsent.front());
      unsent.pop_front();
      channel.commit();
    }
  }
  [[nodiscard]] std::uint32_t jobs_out() const noexcept { return out.units() - greetings; }
  /// Its end is no sign that others will end like this: procpool wanted it.
  [[nodiscard]] bool end_expected() const noexcept {
    if (condemned == Condemnation::protocol_violation) return false;
    if (retiring) return true;
    return condemned != Condemnation::none && condemned != Condemnation::vanished &&
           condemned != Condemnation::late_start;
  }
  /// Once procpool has decided to kill it, its answers come too late.
  [[nodiscard]] bool heard() const noexcept {
    return !given_up && (condemned == Condemnation::none || condemned == Condemnation::vanished);
  }
  [[nodiscard]] bool stays() const noexcept {
    return !retiring && !startup_failure && condemned == Condemnation::none && channel.violation() == nullptr;
  }
  /// Not before its greetings are sent, and its pid is known: it could begin with a job, and nobody could say
  /// who has it.
  [[nodiscard]] bool takes_jobs() const noexcept { return pid != 0 && stays() && unsent.empty(); }
};

}  // namespace procpool::detail
