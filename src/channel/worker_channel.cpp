// SPDX-License-Identifier: MIT
#include "channel/worker_channel.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace procpool::detail {

WorkerChannel::WorkerChannel(WorkerLink& link, Duration longest_spin) : link_(link), spin_(longest_spin) {
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
  job.started = last_finished_ ? *last_finished_ : Clock::now();
  control.started_at.store(job.started.time_since_epoch().count(), std::memory_order_relaxed);
  control.current.store(job.id, std::memory_order_release);
  if ((descriptor.flags & message_flag::announce) != 0) signal_host();
  if (!read_arguments(descriptor, job) || !ask_for_word(descriptor, job)) return false;
  pack_ = nullptr;
  if (job.pack) {
    pack_ = &descriptor;
    pack_first_ = number;
    pack_arguments_ = job.arguments;
    draft_.first = number;
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

/// From those of the pack.
void WorkerChannel::take_arguments(ClaimedJob& job) noexcept {
  std::uint32_t length = 0;
  std::memcpy(&length, pack_arguments_.data(), sizeof length);
  job.arguments = pack_arguments_.subspan(sizeof length, length);
  pack_arguments_ = pack_arguments_.subspan(sizeof length + length);
}

bool WorkerChannel::read_arguments(const JobDescriptor& descriptor, ClaimedJob& job) {
  const std::byte* bytes = nullptr;
  job.out_of_memory = false;
  if (!stream_buffer_.empty()) stream_buffer_ = ByteBuffer();
  if ((descriptor.flags & message_flag::in_place) != 0) {
    bytes = descriptor.bytes;
  } else if ((descriptor.flags & message_flag::streamed) != 0) {
    if (!read_stream(descriptor)) return false;
    bytes = stream_buffer_.data();
    job.out_of_memory = stream_buffer_.size() != descriptor.length;
  } else {
    bytes = memory_->job_bytes + (descriptor.position & byte_mask);
  }
  std::span<const std::byte> all{bytes, job.out_of_memory ? 0 : descriptor.length};
  job.soft_limit.reset();
  job.hard_limit.reset();
  if ((descriptor.flags & message_flag::limits) != 0 && !job.out_of_memory) {
    std::int64_t limits[2];
    std::memcpy(limits, all.data(), sizeof limits);
    if (limits[0] > 0) job.soft_limit = Duration(limits[0]);
    if (limits[1] > 0) job.hard_limit = Duration(limits[1]);
    all = all.subspan(sizeof limits);
  }
  const std::size_t prefix = job.out_of_memory ? 0 : descriptor.prefix_length;
  job.prefix = all.first(prefix);
  job.arguments = all.subspan(prefix);
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

bool WorkerChannel::read_stream(const JobDescriptor& descriptor) {
  ControlBlock& control = memory_->control;
  std::byte* at = nullptr;
  try {
    at = stream_buffer_.extend(descriptor.length);
  } catch (const std::bad_alloc&) {
    // The stream is read to its end, and the job fails.
  }
  stream_position_ = descriptor.position;
  const std::uint64_t end = descriptor.position + descriptor.length;
  while (stream_position_ != end) {
    if (!wait_until_ready(WorkerSleep::for_job_bytes)) return false;
    const std::uint64_t available = control.job_bytes_tail.load(std::memory_order_acquire) - stream_position_;
    const std::size_t offset = stream_position_ & byte_mask;
    const auto count = static_cast<std::size_t>(
        std::min({available, end - stream_position_, std::uint64_t{byte_ring_size - offset}}));
    if (at != nullptr) {
      std::memcpy(at, memory_->job_bytes + offset, count);
      at += count;
    }
    stream_position_ += count;
    control.job_bytes_read.store(stream_position_, std::memory_order_release);
    signal_host();
  }
  return true;
}

bool WorkerChannel::publish(const ClaimedJob& job, ResultKind kind, std::span<const std::byte> bytes,
                            bool last) {
  if (kind == ResultKind::progress || !job.pack) return publish_now(job, kind, bytes, 1, last);
  if (answer_header + bytes.size() > draft_size - draft_.length && !publish_draft()) return false;
  if (answer_header + bytes.size() <= draft_size) {
    add_to_draft(job, kind, bytes);
    return true;
  }
  draft_.first = (draft_.first + 1) & Claim::mask;
  return publish_now(job, kind, bytes, 1, last);
}

/// From now on it is not lost with the worker.
void WorkerChannel::add_to_draft(const ClaimedJob& job, ResultKind kind,
                                 std::span<const std::byte> bytes) noexcept {
  if (job.soft_limit || job.hard_limit) last_finished_ = Clock::now();
  if (draft_.count == 0) drafted_ = job;
  std::byte* const at = memory_->drafts[draft_.place] + draft_.length;
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(at, &kind, sizeof kind);
  std::memcpy(at + sizeof kind, &length, sizeof length);
  if (length != 0) std::memcpy(at + answer_header, bytes.data(), length);
  draft_.length += static_cast<std::uint32_t>(answer_header) + length;
  ++draft_.count;
  memory_->control.draft.store(draft_.pack(), std::memory_order_release);
}

bool WorkerChannel::publish_draft() {
  if (draft_.count == 0) return true;
  const std::span<const std::byte> answers{memory_->drafts[draft_.place], draft_.length};
  if (!publish_now(drafted_, ResultKind::pack, answers, draft_.count, false)) return false;
  draft_ = {(draft_.first + draft_.count) & Claim::mask, 0, 0, draft_.place ^ 1};
  memory_->control.draft.store(draft_.pack(), std::memory_order_release);
  return true;
}

bool WorkerChannel::publish_now(const ClaimedJob& job, ResultKind kind, std::span<const std::byte> bytes,
                                std::uint32_t count, bool last) {
  ControlBlock& control = memory_->control;
  last_finished_ = Clock::now();
  const bool whole = bytes.size() <= longest_whole_message;
  if (!wait_for_room(whole && bytes.size() > inline_bytes ? bytes.size() : 0)) return false;

  ResultDescriptor& descriptor = memory_->results[result_tail_ % ring_slots];
  descriptor.job_id = job.id;
  descriptor.elapsed_ns = static_cast<std::uint64_t>((*last_finished_ - job.started).count());
  descriptor.started_ns = job.started.time_since_epoch().count();
  descriptor.length = static_cast<std::uint32_t>(bytes.size());
  descriptor.kind = kind;
  descriptor.count = static_cast<std::uint16_t>(count);
  descriptor.flags = last ? message_flag::last : std::uint8_t{0};
  if (bytes.size() <= inline_bytes) {
    descriptor.flags |= message_flag::in_place;
    if (!bytes.empty()) std::memcpy(descriptor.bytes, bytes.data(), bytes.size());
  } else if (whole) {
    const std::size_t offset = result_bytes_end_ & byte_mask;
    if (offset + bytes.size() > byte_ring_size) result_bytes_end_ += byte_ring_size - offset;
    descriptor.position = result_bytes_end_;
    std::memcpy(memory_->result_bytes + (result_bytes_end_ & byte_mask), bytes.data(), bytes.size());
    result_bytes_end_ += bytes.size();
  } else {
    descriptor.flags |= message_flag::streamed;
    descriptor.position = result_bytes_end_;
    control.result_bytes_tail.store(result_bytes_end_, std::memory_order_relaxed);
  }
  ++result_tail_;
  control.result_tail.store(result_tail_, std::memory_order_seq_cst);
  ring_if_wanted();
  return whole || write_stream(bytes);
}

bool WorkerChannel::wait_for_room(std::size_t length) {
  room_wanted_ = length;
  return ready(WorkerSleep::for_result_space) || wait_until_ready(WorkerSleep::for_result_space);
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
