// SPDX-License-Identifier: MIT
/// \file
/// WorkerChannel: the worker's side of a channel.
#pragma once

#include "channel/layout.hpp"
#include "channel/spin.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/argument_bytes.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace procpool::detail {

/// A job that this worker has claimed. Its bytes are valid until the next call of WorkerChannel::next().
struct ClaimedJob {
  JobId id = 0;
  std::uint64_t task = 0;
  MessageKind kind = MessageKind::task;
  bool chunk = false;
  bool pack = false;        ///< it is one of a pack
  bool continues = false;   ///< of the same pack as the job before: task and prefix are the same
  std::uint32_t items = 0;  ///< of its message, as it was published
  bool even = false;        ///< these are all of one length, and none stands before them
  std::optional<Duration> soft_limit;
  std::optional<Duration> hard_limit;
  TimePoint started;
  std::span<const std::byte> prefix;
  ArgumentBytes arguments;
  bool refused = false;        ///< the host does not want it any more
  bool out_of_memory = false;  ///< there was no room for what came before the arguments; there are no bytes
};

/// Takes jobs and gives results. For the one thread of the worker. The host is trusted.
class WorkerChannel final : private ArgumentStream {
 public:
  /// Throws std::invalid_argument if the memory is not a channel's.
  explicit WorkerChannel(WorkerLink& link);

  /// Looks for jobs, from now on, as long as the host wants before it sleeps. The host has told so when its
  /// first message is there.
  void begin_to_look() noexcept { spin_ = Spin(Duration(memory_->control.longest_spin)); }

  /// Claims the next job, sleeping until there is one; `idle` is called before each sleep. False when the
  /// host said stop, or is gone: the worker has to end.
  template <class Idle>
  bool next(ClaimedJob& job, Idle&& idle) {
    while (!try_claim(job)) {
      if (!publish_draft() || stopped_) return false;
      last_finished_.reset();
      if (spin_.until([this] { return has_work(); })) continue;
      idle();
      if (!sleep(WorkerSleep::for_jobs)) return false;
    }
    return true;
  }

  /// Publishes the answer to, or a report on, the job that was claimed last; the answer to one of a pack
  /// comes into the draft, which next() publishes. Waits for room; false if the host is gone. After the
  /// `last` answer the worker has to end.
  bool publish(const ClaimedJob& job, ResultKind kind, std::span<const std::byte> bytes, bool last = false);

  /// The same for a value of more than `longest_whole_message` bytes that follow by write_stream().
  bool publish_stream(const ClaimedJob& job, std::size_t length, bool last);
  /// False if the host is gone.
  bool write_stream(std::span<const std::byte> bytes);

  /// Has to be called before a job is answered: takes what nobody has read of its arguments. False if the
  /// host is gone.
  bool skip_arguments() { return left() == 0 || take_stream(nullptr, left()); }

  [[nodiscard]] std::size_t max_message() const noexcept {
    return static_cast<std::size_t>(memory_->control.max_message);  // the host's own size_t
  }
  [[nodiscard]] bool same_program() const noexcept { return memory_->control.same_program != 0; }
  [[nodiscard]] bool memory_capped() const noexcept { return memory_->control.memory_capped != 0; }
  [[nodiscard]] bool memory_watched() const noexcept { return memory_->control.memory_watched != 0; }
  [[nodiscard]] std::uint64_t max_tasks() const noexcept { return memory_->control.max_tasks; }
  [[nodiscard]] std::uint64_t max_footprint() const noexcept { return memory_->control.max_footprint; }

  /// Calls `add(record)` for each image that was announced since the last call.
  template <class Add>
  void new_images(Add&& add) {
    const std::uint32_t count = memory_->control.image_count.load(std::memory_order_acquire);
    for (; images_seen_ < count; ++images_seen_) add(next_image_record());
  }

  /// The word that holds the id of the job whose soft limit has passed; outlives the channel's user.
  [[nodiscard]] const std::atomic<std::uint64_t>& soft_due_word() const noexcept {
    return memory_->control.soft_due;
  }

 private:
  friend struct ChannelTestPeer;  // lets tests begin near the end of what the counters can count

  [[nodiscard]] bool has_work() const noexcept;
  bool try_claim(ClaimedJob& job);
  bool begin_message(std::uint32_t number, ClaimedJob& job);
  void next_of_pack(ClaimedJob& job) noexcept;
  bool gather_pack(ClaimedJob& job);
  void take_arguments(ClaimedJob& job) noexcept;
  void add_to_draft(const ClaimedJob& job, ResultKind kind, std::span<const std::byte> bytes) noexcept;
  bool publish_draft();
  bool pass_over_draft();
  struct Begun {
    JobId id = 0;
    TimePoint when{};
  };
  [[nodiscard]] Begun alone(const ClaimedJob& job) const noexcept;
  bool publish_now(const Begun& job, ResultKind kind, std::span<const std::byte> bytes, std::uint32_t count,
                   bool last);
  ResultDescriptor* next_result(const Begun& job, ResultKind kind, std::size_t length, std::uint32_t count,
                                bool last);
  void stop_clock() noexcept;
  void announce_stream(ResultDescriptor& descriptor) noexcept;
  void publish_result() noexcept;
  bool read_arguments(const JobDescriptor& descriptor, ClaimedJob& job);
  bool ask_for_word(const JobDescriptor& descriptor, ClaimedJob& job);
  bool begin_stream(const JobDescriptor& descriptor, std::size_t head, std::span<const std::byte>& bytes);
  bool take_stream(std::byte* to, std::size_t count);
  void tell_what_was_read() noexcept;
  [[nodiscard]] bool ready(WorkerSleep reason) const noexcept;
  bool wait_until_ready(WorkerSleep reason);
  bool sleep(WorkerSleep reason);
  void signal_host() noexcept;
  void ring_if_wanted() noexcept;
  std::string_view next_image_record() noexcept;

  // The arguments of the job at hand, if they are streamed.
  [[nodiscard]] std::size_t left() const noexcept override;
  void read(void* to, std::size_t count) override;
  std::span<const std::byte> read_all() override;

  WorkerLink& link_;
  ChannelMemory* memory_;
  Spin spin_{Duration::zero()};
  bool stopped_ = false;
  std::optional<TimePoint> last_finished_;  ///< when the next job begins, if there was no wait
  std::uint32_t next_message_ = 0;
  std::uint32_t pack_first_ = 0;               ///< number of the first job of the pack at hand
  const JobDescriptor* pack_ = nullptr;        ///< nullptr: no pack is at hand
  std::span<const std::byte> pack_arguments_;  ///< of the jobs that are left
  std::optional<std::size_t> pack_item_;       ///< how long each of them is, if they are even
  Begun drafted_;                              ///< the first job in the draft
  Draft draft_;
  bool drafts_even_ = true;     ///< those of the pack at hand may be: the pack before it was
  bool pack_even_ = true;       ///< its answers so far are values of one length
  std::size_t pack_value_ = 0;  ///< that length
  std::uint32_t result_tail_ = 0;
  std::uint64_t result_bytes_end_ = 0;
  std::uint64_t stream_position_ = 0;  ///< of the job being read
  std::uint64_t stream_told_ = 0;      ///< the host knows that so much was read
  std::uint64_t stream_end_ = 0;
  std::size_t room_wanted_ = 0;
  JobId asked_for_ = 0;
  ByteBuffer stream_head_;  ///< what came before the arguments
  ByteBuffer stream_buffer_;
  std::uint32_t images_seen_ = 0;
  std::size_t image_bytes_seen_ = 0;
};

}  // namespace procpool::detail
