// SPDX-License-Identifier: MIT
#include "channel/worker_channel.hpp"

#include <procpool/detail/archive.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace procpool::detail {

namespace {

/// While a task's arguments were on their way. Nobody will see it.
struct HostGone : std::runtime_error {
  HostGone() : std::runtime_error("procpool: the host is gone") {}
};

}  // namespace

WorkerChannel::WorkerChannel(WorkerLink& link) : link_(link) {
  const std::span<std::byte> memory = link.memory();
  if (memory.size() < sizeof(ChannelMemory)) {
    throw std::invalid_argument("procpool: the worker's memory is too small for a channel");
  }
  memory_ = reinterpret_cast<ChannelMemory*>(memory.data());
}

bool WorkerChannel::has_work() const noexcept {
  const Claim claim = Claim::unpack(memory_->control.claim.load(std::memory_order_seq_cst));
  return !claim.hold && (claim.stop || claim.unclaimed() != 0);
}

bool WorkerChannel::try_claim(ClaimedJob& job) {
  ControlBlock& control = memory_->control;
  std::uint64_t word = control.claim.load(std::memory_order_acquire);
  Claim claim;
  do {
    claim = Claim::unpack(word);
    if (claim.hold || claim.unclaimed() == 0) {
      stopped_ = claim.stop && !claim.hold;
      return false;
    }
    Claim claimed = claim;
    claimed.head = (claim.head + 1) & Claim::mask;
    if (control.claim.compare_exchange_weak(word, claimed.pack(), std::memory_order_seq_cst)) break;
  } while (true);

  if (pack_ != nullptr &&
      ((claim.head - pack_first_) & Claim::mask) < pack_->count.load(std::memory_order_relaxed)) {
    next_of_pack(job);
    return true;
  }
  if (publish_draft() && begin_message(claim.head, job)) return true;
  stopped_ = true;
  return false;
}

/// Only once a job of it is claimed: before, the host may take the message back and put another one in its
/// place.
bool WorkerChannel::begin_message(std::uint32_t number, ClaimedJob& job) {
  ControlBlock& control = memory_->control;
  const JobDescriptor& descriptor = memory_->jobs[next_message_++ % ring_slots];
  job.id = descriptor.job_id;
  job.task = descriptor.task;
  job.kind = descriptor.kind;
  job.chunk = (descriptor.flags & message_flag::chunk) != 0;
  job.pack = (descriptor.flags & message_flag::pack) != 0;
  job.continues = false;
  job.items = descriptor.items;
  job.even = (descriptor.flags & message_flag::even) != 0;
  job.started = last_finished_ ? *last_finished_ : Clock::now();
  control.started_at.store(job.started.time_since_epoch().count(), std::memory_order_relaxed);
  control.current.store(job.id, std::memory_order_release);
  if ((descriptor.flags & message_flag::announce) != 0) signal_host();
  if (!read_arguments(descriptor, job) || !ask_for_word(descriptor, job)) return false;
  pack_ = nullptr;
  if (job.pack) {
    if (!gather_pack(job)) return false;
    pack_ = &descriptor;
    pack_first_ = number;
    pack_item_.reset();
    if (job.even) pack_item_ = pack_arguments_.size() / job.items;
    draft_.first = number;
    drafts_even_ = pack_even_;
    pack_even_ = true;
    take_arguments(job);
  }
  return true;
}

void WorkerChannel::next_of_pack(ClaimedJob& job) noexcept {
  ControlBlock& control = memory_->control;
  ++job.id;
  job.continues = true;
  if (job.soft_limit || job.hard_limit || draft_.count == 0) {
    job.started = last_finished_ ? *last_finished_ : Clock::now();
    control.started_at.store(job.started.time_since_epoch().count(), std::memory_order_relaxed);
  }
  control.current.store(job.id, std::memory_order_release);
  take_arguments(job);
}

/// Those of all its jobs, in one piece; none of them, if there is no room. False if the host is gone.
bool WorkerChannel::gather_pack(ClaimedJob& job) {
  pack_arguments_ = {};
  if (job.out_of_memory) return true;
  try {
    pack_arguments_ = job.arguments.whole();
  } catch (const std::bad_alloc&) {
    job.out_of_memory = true;
  } catch (const HostGone&) {
    return false;
  }
  return true;
}

/// From those of the pack.
void WorkerChannel::take_arguments(ClaimedJob& job) noexcept {
  if (job.out_of_memory) {
    job.arguments = {};
    return;
  }
  if (pack_item_) {
    job.arguments = pack_arguments_.first(*pack_item_);
    pack_arguments_ = pack_arguments_.subspan(*pack_item_);
    return;
  }
  std::uint32_t length = 0;
  std::memcpy(&length, pack_arguments_.data(), sizeof length);
  job.arguments = pack_arguments_.subspan(sizeof length, length);
  pack_arguments_ = pack_arguments_.subspan(sizeof length + length);
}

bool WorkerChannel::read_arguments(const JobDescriptor& descriptor, ClaimedJob& job) {
  std::int64_t limits[2] = {0, 0};
  const std::size_t limits_length = (descriptor.flags & message_flag::limits) != 0 ? sizeof limits : 0;
  const std::size_t head_length = limits_length + descriptor.prefix_length;
  std::span<const std::byte> head;
  job.out_of_memory = false;
  if (!stream_head_.empty()) stream_head_ = ByteBuffer();
  if (!stream_buffer_.empty()) stream_buffer_ = ByteBuffer();
  if ((descriptor.flags & message_flag::streamed) != 0) {
    if (!begin_stream(descriptor, head_length, head)) return false;
    job.out_of_memory = head.size() != head_length;
    job.arguments = ArgumentBytes(static_cast<ArgumentStream&>(*this));
  } else {
    const bool in_place = (descriptor.flags & message_flag::in_place) != 0;
    const std::byte* const bytes =
        in_place ? descriptor.bytes : memory_->job_bytes + (descriptor.position & byte_mask);
    head = {bytes, head_length};
    job.arguments = std::span{bytes + head_length, descriptor.length - head_length};
  }
  if (job.out_of_memory) {
    job.arguments = {};
  } else if (limits_length != 0) {
    std::memcpy(limits, head.data(), sizeof limits);
    head = head.subspan(limits_length);
  }
  job.prefix = head;
  job.soft_limit.reset();
  job.hard_limit.reset();
  if (limits[0] > 0) job.soft_limit = Duration(limits[0]);
  if (limits[1] > 0) job.hard_limit = Duration(limits[1]);
  return true;
}

/// Waits for the host's word, if the job asks for it; false if the host is gone.
bool WorkerChannel::ask_for_word(const JobDescriptor& descriptor, ClaimedJob& job) {
  job.refused = false;
  if ((descriptor.flags & message_flag::ask) == 0) return true;
  asked_for_ = job.id;
  if (!wait_until_ready(WorkerSleep::for_word)) return false;
  job.refused = (memory_->control.acknowledged.load(std::memory_order_acquire) & 1) != 0;
  job.started = Clock::now();
  memory_->control.started_at.store(job.started.time_since_epoch().count(), std::memory_order_release);
  return true;
}

/// Takes what comes before the arguments; none of it, if there is no room. False if the host is gone.
bool WorkerChannel::begin_stream(const JobDescriptor& descriptor, std::size_t head,
                                 std::span<const std::byte>& bytes) {
  stream_position_ = stream_told_ = descriptor.position;
  stream_end_ = descriptor.position + descriptor.length;
  try {
    std::byte* const to = stream_head_.extend(head);
    bytes = {to, head};
    return take_stream(to, head);
  } catch (const std::bad_alloc&) {
    return true;
  }
}

/// Takes the next bytes of the stream, to nowhere if `to` is null. False if the host is gone.
bool WorkerChannel::take_stream(std::byte* to, std::size_t count) {
  const ControlBlock& control = memory_->control;
  while (count != 0) {
    if (!ready(WorkerSleep::for_job_bytes)) {
      tell_what_was_read();
      if (!wait_until_ready(WorkerSleep::for_job_bytes)) return false;
    }
    const std::uint64_t available = control.job_bytes_tail.load(std::memory_order_acquire) - stream_position_;
    const std::size_t offset = stream_position_ & byte_mask;
    const auto taken = static_cast<std::size_t>(
        std::min({available, std::uint64_t{count}, std::uint64_t{byte_ring_size - offset}}));
    if (to != nullptr) {
      std::memcpy(to, memory_->job_bytes + offset, taken);
      to += taken;
    }
    count -= taken;
    stream_position_ += taken;
    if (left() == 0 || stream_position_ - stream_told_ >= stream_piece) tell_what_was_read();
  }
  return true;
}

void WorkerChannel::tell_what_was_read() noexcept {
  if (stream_told_ == stream_position_) return;
  stream_told_ = stream_position_;
  memory_->control.job_bytes_read.store(stream_position_, std::memory_order_release);
  signal_host();
}

std::size_t WorkerChannel::left() const noexcept {
  return static_cast<std::size_t>(stream_end_ - stream_position_);
}

void WorkerChannel::read(void* to, std::size_t count) {
  if (count > left()) archives::fail_truncated();
  if (!take_stream(static_cast<std::byte*>(to), count)) throw HostGone();
}

std::span<const std::byte> WorkerChannel::read_all() {
  const std::size_t count = left();
  read(stream_buffer_.extend(count), count);
  return stream_buffer_.view();
}

bool WorkerChannel::publish(const ClaimedJob& job, ResultKind kind, std::span<const std::byte> bytes,
                            bool last) {
  if (kind == ResultKind::progress || !job.pack) {
    return publish_now({job.id, job.started}, kind, bytes, 1, last);
  }
  if (!job.continues) pack_value_ = bytes.size();
  pack_even_ = pack_even_ && kind == ResultKind::value && bytes.size() == pack_value_;
  if (draft_.even && !pack_even_ && !publish_draft()) return false;
  if (answer_header + bytes.size() > draft_size - draft_.length && !publish_draft()) return false;
  if (answer_header + bytes.size() <= draft_size) {
    add_to_draft(job, kind, bytes);
    return true;
  }
  return pass_over_draft() && publish_now(alone(job), kind, bytes, 1, last);
}

bool WorkerChannel::publish_stream(const ClaimedJob& job, std::size_t length, bool last) {
  if (job.pack && !pass_over_draft()) return false;
  ResultDescriptor* const descriptor = next_result(alone(job), ResultKind::value, length, 1, last);
  if (descriptor == nullptr) return false;
  announce_stream(*descriptor);
  publish_result();
  return true;
}

/// For an answer that is not in the draft of those before it, whose time is not counted again: jobs of a pack
/// share a clock.
WorkerChannel::Begun WorkerChannel::alone(const ClaimedJob& job) const noexcept {
  return {job.id, last_finished_ ? std::max(job.started, *last_finished_) : job.started};
}

/// For the answer to a job of a pack that is too long for a draft.
bool WorkerChannel::pass_over_draft() {
  if (!publish_draft()) return false;
  draft_.first = (draft_.first + 1) & Claim::mask;
  return true;
}

/// From now on it is not lost with the worker.
void WorkerChannel::add_to_draft(const ClaimedJob& job, ResultKind kind,
                                 std::span<const std::byte> bytes) noexcept {
  if (draft_.count == 0) {
    drafted_ = alone(job);
    draft_.even = drafts_even_ && pack_even_;
  }
  if (job.soft_limit || job.hard_limit) last_finished_ = Clock::now();
  std::byte* at = memory_->drafts[draft_.place] + draft_.length;
  const auto length = static_cast<std::uint32_t>(bytes.size());
  if (!draft_.even) {
    std::memcpy(at, &kind, sizeof kind);
    std::memcpy(at + sizeof kind, &length, sizeof length);
    at += answer_header;
    draft_.length += static_cast<std::uint32_t>(answer_header);
  }
  if (length != 0) std::memcpy(at, bytes.data(), length);
  draft_.length += length;
  ++draft_.count;
  memory_->control.draft.store(draft_.pack(), std::memory_order_release);
}

bool WorkerChannel::publish_draft() {
  if (draft_.count == 0) return true;
  const std::span<const std::byte> answers{memory_->drafts[draft_.place], draft_.length};
  const ResultKind kind = draft_.even ? ResultKind::values : ResultKind::pack;
  if (!publish_now(drafted_, kind, answers, draft_.count, false)) return false;
  draft_ = {(draft_.first + draft_.count) & Claim::mask, 0, 0, draft_.place ^ 1};
  memory_->control.draft.store(draft_.pack(), std::memory_order_release);
  return true;
}

bool WorkerChannel::publish_now(const Begun& job, ResultKind kind, std::span<const std::byte> bytes,
                                std::uint32_t count, bool last) {
  ResultDescriptor* const descriptor = next_result(job, kind, bytes.size(), count, last);
  if (descriptor == nullptr) return false;
  const bool whole = bytes.size() <= longest_whole_message;
  if (bytes.size() <= inline_bytes) {
    descriptor->flags |= message_flag::in_place;
    if (!bytes.empty()) std::memcpy(descriptor->bytes, bytes.data(), bytes.size());
  } else if (whole) {
    const std::size_t offset = result_bytes_end_ & byte_mask;
    if (offset + bytes.size() > byte_ring_size) result_bytes_end_ += byte_ring_size - offset;
    descriptor->position = result_bytes_end_;
    std::memcpy(memory_->result_bytes + (result_bytes_end_ & byte_mask), bytes.data(), bytes.size());
    result_bytes_end_ += bytes.size();
  } else {
    announce_stream(*descriptor);
  }
  publish_result();
  return whole || write_stream(bytes);
}

/// What the host will read next, with room for `length` bytes unless they are streamed. nullptr if the host
/// is gone.
ResultDescriptor* WorkerChannel::next_result(const Begun& job, ResultKind kind, std::size_t length,
                                             std::uint32_t count, bool last) {
  const TimePoint finished = Clock::now();
  const bool reports = kind == ResultKind::progress;
  if (!reports) last_finished_ = finished;
  const bool in_ring = length > inline_bytes && length <= longest_whole_message;
  room_wanted_ = in_ring ? length : 0;
  if (!ready(WorkerSleep::for_result_space)) {
    if (!reports) stop_clock();
    if (!wait_until_ready(WorkerSleep::for_result_space)) return nullptr;
    if (!reports) last_finished_ = Clock::now();
  }
  ResultDescriptor& descriptor = memory_->results[result_tail_ % ring_slots];
  descriptor.job_id = job.id;
  descriptor.elapsed_ns = static_cast<std::uint64_t>((finished - job.when).count());
  descriptor.started_ns = job.when.time_since_epoch().count();
  descriptor.length = static_cast<std::uint32_t>(length);
  descriptor.kind = kind;
  descriptor.count = static_cast<std::uint16_t>(count);
  descriptor.flags = last ? message_flag::last : std::uint8_t{0};
  return &descriptor;
}

/// How long the host takes to make room for a result counts for no job: neither for the one that has
/// finished nor for the next.
void WorkerChannel::stop_clock() noexcept {
  memory_->control.current.store(0, std::memory_order_release);
}

void WorkerChannel::announce_stream(ResultDescriptor& descriptor) noexcept {
  stop_clock();
  descriptor.flags |= message_flag::streamed;
  descriptor.position = result_bytes_end_;
  memory_->control.result_bytes_tail.store(result_bytes_end_, std::memory_order_relaxed);
}

void WorkerChannel::publish_result() noexcept {
  ++result_tail_;
  memory_->control.result_tail.store(result_tail_, std::memory_order_seq_cst);
  ring_if_wanted();
}

bool WorkerChannel::write_stream(std::span<const std::byte> bytes) {
  ControlBlock& control = memory_->control;
  while (!bytes.empty()) {
    room_wanted_ = 1;
    if (!wait_until_ready(WorkerSleep::for_result_space)) return false;
    const std::uint64_t used = result_bytes_end_ - control.result_bytes_read.load(std::memory_order_acquire);
    const std::size_t offset = result_bytes_end_ & byte_mask;
    const std::size_t count = std::min({bytes.size(), static_cast<std::size_t>(byte_ring_size - used),
                                        byte_ring_size - offset, stream_piece});
    std::memcpy(memory_->result_bytes + offset, bytes.data(), count);
    bytes = bytes.subspan(count);
    result_bytes_end_ += count;
    control.result_bytes_tail.store(result_bytes_end_, std::memory_order_seq_cst);
    signal_host();
  }
  last_finished_ = Clock::now();
  return true;
}

bool WorkerChannel::ready(WorkerSleep reason) const noexcept {
  const ControlBlock& control = memory_->control;
  switch (reason) {
    case WorkerSleep::for_jobs:
      return has_work();
    case WorkerSleep::for_job_bytes:
      return control.job_bytes_tail.load(std::memory_order_seq_cst) - stream_position_ - 1 < byte_ring_size;
    case WorkerSleep::for_result_space: {
      if (result_tail_ - control.results_read.load(std::memory_order_seq_cst) >= ring_slots) return false;
      const std::size_t offset = result_bytes_end_ & byte_mask;
      const std::size_t skip = offset + room_wanted_ > byte_ring_size ? byte_ring_size - offset : 0;
      return result_bytes_end_ + skip + room_wanted_ -
                 control.result_bytes_read.load(std::memory_order_seq_cst) <=
             byte_ring_size;
    }
    case WorkerSleep::for_word:
      return control.acknowledged.load(std::memory_order_seq_cst) >> 1 == asked_for_;
    case WorkerSleep::awake:
      break;
  }
  return true;
}

bool WorkerChannel::wait_until_ready(WorkerSleep reason) {
  while (!spin_.until([&] { return ready(reason); })) {
    if (!sleep(reason)) return false;
  }
  return true;
}

/// Sleeps once, unless what it waits for is there already; false if the host is gone.
bool WorkerChannel::sleep(WorkerSleep reason) {
  ControlBlock& control = memory_->control;
  control.worker_sleeps.store(static_cast<std::uint32_t>(reason), std::memory_order_seq_cst);
  if (!ready(reason)) {
    if (reason != WorkerSleep::for_jobs ||
        WakeWord::unpack(control.host_waits.load(std::memory_order_seq_cst)).when_dry) {
      signal_host();
    }
    if (!ready(reason) && link_.wait(std::nullopt) == WorkerLink::Wake::host_gone) return false;
  }
  control.worker_sleeps.store(static_cast<std::uint32_t>(WorkerSleep::awake), std::memory_order_seq_cst);
  return true;
}

void WorkerChannel::signal_host() noexcept {
  ControlBlock& control = memory_->control;
  control.signals.fetch_add(1, std::memory_order_seq_cst);
  const WakeWord waits = WakeWord::unpack(control.host_waits.exchange(0, std::memory_order_seq_cst));
  if (waits.who == WakeWord::Who::loop) link_.ring(WorkerLink::Bell::loop);
  if (waits.who == WakeWord::Who::leader) link_.ring(WorkerLink::Bell::leader);
}

void WorkerChannel::ring_if_wanted() noexcept {
  std::atomic<std::uint64_t>& word = memory_->control.host_waits;
  std::uint64_t value = word.load(std::memory_order_seq_cst);
  for (;;) {
    const WakeWord waits = WakeWord::unpack(value);
    if (waits.who == WakeWord::Who::nobody) return;
    if (static_cast<std::int32_t>(result_tail_ - waits.results) < 0) return;
    if (word.compare_exchange_strong(value, 0, std::memory_order_seq_cst)) {
      link_.ring(waits.who == WakeWord::Who::loop ? WorkerLink::Bell::loop : WorkerLink::Bell::leader);
      return;
    }
  }
}

std::string_view WorkerChannel::next_image_record() noexcept {
  const std::byte* at = memory_->image_records + image_bytes_seen_;
  std::uint32_t length = 0;
  std::memcpy(&length, at, sizeof length);
  image_bytes_seen_ += sizeof length + length;
  return {reinterpret_cast<const char*>(at + sizeof length), length};
}

}  // namespace procpool::detail
