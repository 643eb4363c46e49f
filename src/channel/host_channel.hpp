// SPDX-License-Identifier: MIT
/// \file
/// HostChannel: the host's side of one worker's channel.
#pragma once

#include "channel/layout.hpp"
#include "crash/crash_record.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/result_place.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace procpool::detail {

/// What the host wants a worker to do. The spans are read by stage(); those of a message longer than
/// `longest_whole_message` until the stream has ended (streaming() is false again) or was taken back.
struct Message {
  JobId id = 0;
  std::uint64_t task = 0;
  MessageKind kind = MessageKind::task;
  bool chunk = false;
  bool announce = false;
  bool ask = false;  ///< the worker waits for acknowledge() before it begins
  std::uint32_t items = 1;
  /// Of a pack: its jobs, whose ids follow each other. The arguments are then those of all, `longest_pack`
  /// bytes at most.
  std::uint32_t count = 1;
  bool pack = false;
  /// Of a chunk or pack: the arguments of all items are of one length. Else each has its length (32 bits)
  /// before it.
  bool even = false;
  Duration soft_limit{0};  ///< 0: none
  Duration hard_limit{0};
  std::span<const std::byte> prefix;
  /// Behind it on the wire, and behind each other.
  std::span<const std::byte> arguments;
  std::span<const std::byte> lent;
  std::span<const std::byte> behind_lent;
  /// For the elements of a long result, if there is one. Used until the answer is there, or the channel is
  /// not asked any more.
  ResultPlace* place = nullptr;

  [[nodiscard]] bool limited() const noexcept { return soft_limit.count() != 0 || hard_limit.count() != 0; }
  /// On the wire.
  [[nodiscard]] std::size_t length() const noexcept {
    return (limited() ? 2 * sizeof(std::int64_t) : 0) + prefix.size() + arguments.size() + lent.size() +
           behind_lent.size();
  }
};

/// What a worker has answered, copied out of its reach.
struct Answer {
  JobId id = 0;
  ResultKind kind = ResultKind::value;
  bool last = false;           ///< the worker claims nothing more, and ends
  std::uint32_t count = 1;     ///< of a pack: how many jobs it answers, which may be none
  Duration elapsed{0};         ///< 0: unknown
  TimePoint started{};         ///< as the worker has it; only if `elapsed` is known
  bool out_of_memory = false;  ///< the host had none for the bytes, which are lost
  bool placed = false;         ///< they went to Message::place, and `bytes` is empty
  ByteBuffer bytes;
};

/// What a worker is told at its birth.
struct WorkerTerms {
  std::size_t max_message = 0;
  std::uint64_t max_tasks = 0;      ///< 0: no limit
  std::uint64_t max_footprint = 0;  ///< in bytes, looked at after each task; 0: no limit
  bool same_program = true;         ///< the worker has to be of the host's own build
  bool memory_limited = false;      ///< there is a PoolOptions::memory_limit, whoever enforces it
  bool memory_capped = false;       ///< the kernel lets allocations fail above PoolOptions::memory_limit
  Duration longest_spin{0};         ///< of a look for the next job, and of the host's for results: see Spin
};

/// Publishes jobs and reads results. One thread at a time (the Dispatcher's lock); the counterpart may be
/// hostile: whatever it wrote is copied once and checked, and a violation is remembered, after which the
/// channel publishes nothing and reads nothing more.
class HostChannel {
 public:
  /// Makes a channel in `memory`, which is zero, belongs to `process` and outlives this.
  HostChannel(WorkerProcess& process, const WorkerTerms& terms);

  // --- jobs

  /// Room for one more job. False while a stream is on its way.
  [[nodiscard]] bool has_room(const Message& message) const noexcept;
  /// Writes the message behind those that are out; the worker sees it at commit(). Needs has_room().
  void stage(const Message& message);
  /// Lets the worker see what was staged, and wakes it if it sleeps.
  void commit() noexcept;
  /// Takes back up to `count` of the jobs that the worker has not claimed, the newest first; returns how
  /// many.
  std::uint32_t take_back(std::uint32_t count) noexcept;
  /// A message longer than the ring is being sent, and pump() has to be called whenever the worker has read.
  [[nodiscard]] bool streaming() const noexcept { return stream_left_ != 0; }
  /// Of all results so far, those on their way included.
  [[nodiscard]] std::uint64_t result_bytes_read() const noexcept { return result_bytes_read_; }
  /// Sends what there is room for.
  void pump() noexcept;
  /// Tells the worker which images jobs may name. False if the records do not fit.
  bool announce_image(std::string_view record) noexcept;
  [[nodiscard]] std::uint32_t images_announced() const noexcept { return images_announced_; }

  /// The worker sleeps until commit() wakes it.
  [[nodiscard]] bool asleep() const noexcept {
    return control().worker_sleeps.load(std::memory_order_relaxed) ==
           static_cast<std::uint32_t>(WorkerSleep::for_jobs);
  }

  /// The worker ends as soon as nothing is left for it to claim.
  void stop() noexcept;
  /// From now on the worker claims nothing (true), or goes on (false).
  void hold(bool on) noexcept;

  /// Published and not answered; of those, not claimed yet.
  [[nodiscard]] std::uint32_t outstanding() const noexcept { return (limit_ - done_) & Claim::mask; }
  [[nodiscard]] std::uint32_t unclaimed() noexcept;
  /// Outstanding and claimed. Of a true worker one runs, and the others have an answer that waits to be read.
  [[nodiscard]] std::uint32_t claimed() noexcept;
  /// The worker has claimed the oldest outstanding job.
  [[nodiscard]] bool has_begun() noexcept;
  /// For a worker that is dead, or that is heard no more, after its last answers were received: how many of
  /// the outstanding jobs it had started. One or none; if it broke the rules, perhaps several of a pack.
  [[nodiscard]] std::uint32_t started_at_death() noexcept;
  /// Where the worker crashed, if it has told that.
  [[nodiscard]] std::optional<CrashRecord> crash(ExitStatus status) const {
    return read_crash(memory_->crash, status);
  }

  /// The job that runs now, and since when; the time is not before `published` and not in the future.
  struct Running {
    JobId id;
    TimePoint started;
  };
  [[nodiscard]] std::optional<Running> running(TimePoint published, TimePoint now) const noexcept;

  // --- results

  /// The next answer, if there is one: to the oldest outstanding job, or to the oldest jobs of its pack.
  /// Whole answers only.
  bool receive(Answer& answer) noexcept;
  /// What the worker has answered of the oldest pack and not published yet, if there is something.
  bool salvage(Answer& answer) noexcept;
  /// receive() would find something.
  [[nodiscard]] bool has_results() const noexcept;
  /// Lets the worker reuse what receive() has read, and wakes it if it waits for room.
  void release() noexcept;

  // --- waking

  /// The host wants to look again after `results` more results.
  void aim(std::uint32_t results) noexcept { aim_ = results_read_ + results; }
  /// Asks the worker to ring `who` then.
  void arm(WakeWord::Who who, bool when_dry) noexcept;
  /// Asks it not to ring.
  void disarm() noexcept;
  /// The results that the host aims at are there, or the worker has signalled since note_signals().
  [[nodiscard]] bool changed() const noexcept;
  /// Takes note of the signals so far; call before looking at what they may be about.
  void note_signals() noexcept;

  /// The host's word on a job that asks.
  void acknowledge(JobId job, bool go) noexcept;
  void set_soft_due(JobId job) noexcept;

  /// How the worker broke the rules, or nullptr.
  [[nodiscard]] const char* violation() const noexcept { return violation_; }
  /// The bytes of an answer made no sense.
  void blame(const char* how) noexcept { violated(how); }

 private:
  friend struct ChannelTestPeer;  // lets tests begin near the end of what the counters can count

  /// A message that is out.
  struct Outgoing {
    JobId id;             ///< of its first job
    std::uint32_t count;  ///< of its jobs
    bool pack;
    std::uint64_t begin;  ///< of its bytes in the byte ring
    std::uint64_t end;
    ResultPlace* place;
  };

  template <class Change>
  bool change_claim(Change&& change) noexcept;
  std::optional<Claim> checked(std::uint64_t word) noexcept;
  void wake(WorkerSleep reason) noexcept;
  bool receive_stream(Answer& answer) noexcept;
  void begin_in_place() noexcept;
  bool check_pack(const ResultDescriptor& descriptor) noexcept;
  bool check_values(ResultKind kind, std::size_t length, std::uint32_t count) noexcept;
  bool check_job(const ResultDescriptor& descriptor) noexcept;
  bool check_arguments() noexcept;
  bool read_bytes(const ResultDescriptor& descriptor, Answer& answer) noexcept;
  bool drop_first(std::uint32_t skip, Answer& answer) noexcept;
  [[nodiscard]] bool has_claimed(std::uint32_t count) noexcept;
  [[nodiscard]] const Outgoing& oldest() const noexcept { return messages_[first_message_ % ring_slots]; }
  void answered(std::uint32_t count) noexcept;
  bool violated(const char* how) noexcept;
  [[nodiscard]] ControlBlock& control() const noexcept { return memory_->control; }

  WorkerProcess& process_;
  ChannelMemory* memory_;
  std::size_t max_message_;
  const char* violation_ = nullptr;

  std::uint32_t limit_ = 0;  ///< as in Claim: the host's own copy
  std::uint32_t head_ = 0;   ///< as last seen
  std::uint32_t done_ = 0;   ///< the number of the next job to be answered
  std::uint32_t staged_ = 0;
  bool hold_ = false;
  bool stop_ = false;

  std::unique_ptr<Outgoing[]> messages_;  ///< what was never needed is not touched
  std::uint32_t first_message_ = 0;
  std::uint32_t end_message_ = 0;
  std::uint32_t answered_ = 0;  ///< jobs of the oldest message
  std::uint32_t salvaged_ = 0;  ///< the last of these, which the worker will publish yet
  std::uint64_t job_bytes_end_ = 0;
  std::uint64_t job_bytes_free_from_ = 0;

  std::span<const std::byte> stream_parts_[5];
  std::byte stream_limits_[16];
  std::uint64_t stream_position_ = 0;
  std::size_t stream_left_ = 0;

  std::uint32_t results_read_ = 0;
  std::uint64_t result_bytes_read_ = 0;
  std::size_t incoming_left_ = 0;
  Answer incoming_answer_;
  ResultPlace* incoming_place_ = nullptr;  ///< to be asked, or being filled

  std::uint32_t aim_ = 1;
  std::uint32_t signals_seen_ = 0;
  std::uint32_t images_announced_ = 0;
  std::size_t image_bytes_ = 0;
};

}  // namespace procpool::detail
