// SPDX-License-Identifier: MIT
#include "channel/host_channel.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace procpool::detail {
namespace {

/// A worker that makes this many compare-exchanges fail in a row does nothing else: it is hostile.
constexpr int longest_contest = 1000;

/// In the place that there is for it, or in the answer itself. What there is no memory for is lost, and its
/// job is told so.
void keep(Answer& answer, const std::byte* bytes, std::size_t count, ResultPlace* place = nullptr) noexcept {
  if (answer.out_of_memory) return;
  try {
    if (place != nullptr) {
      place->append(bytes, count);
    } else {
      answer.bytes.append(bytes, count);
    }
  } catch (...) {  // std::bad_alloc: perhaps that of another library, where the place is
    answer.out_of_memory = true;
    answer.bytes = ByteBuffer();
  }
}

/// Several jobs of one.
constexpr bool answers_pack(ResultKind kind) noexcept {
  return kind == ResultKind::pack || kind == ResultKind::values;
}

constexpr std::uint32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
  return (to - from) & Claim::mask;
}

}  // namespace

HostChannel::HostChannel(WorkerProcess& process, const WorkerTerms& terms)
    : process_(process),
      memory_(reinterpret_cast<ChannelMemory*>(process.memory().data())),
      max_message_(terms.max_message),
      messages_(new Outgoing[ring_slots]) {
  control().max_message = terms.max_message;
  control().max_tasks = terms.max_tasks;
  control().max_footprint = terms.max_footprint;
  control().longest_spin = terms.longest_spin.count();
  control().same_program = terms.same_program ? 1 : 0;
  control().memory_capped = terms.memory_capped ? 1 : 0;
  control().memory_watched = terms.memory_limited || terms.max_footprint != 0 ? 1 : 0;
}

bool HostChannel::violated(const char* how) noexcept {
  if (violation_ == nullptr) violation_ = how;
  stream_left_ = 0;
  return false;
}

// --- jobs

bool HostChannel::has_room(const Message& message) const noexcept {
  const std::size_t length = message.length();
  if (violation_ != nullptr || streaming()) return false;
  // One slot stays free: the worker may look into that of the last pack until it begins with another message.
  if (end_message_ - first_message_ >= ring_slots - 1) return false;
  if (length <= inline_bytes) return true;
  const std::size_t used = static_cast<std::size_t>(job_bytes_end_ - job_bytes_free_from_);
  if (length > longest_whole_message) return used < byte_ring_size;
  const std::size_t offset = job_bytes_end_ & byte_mask;
  const std::size_t skip = offset + length > byte_ring_size ? byte_ring_size - offset : 0;
  return used + skip + length <= byte_ring_size;
}

void HostChannel::stage(const Message& message) {
  const std::uint32_t slot = end_message_++ % ring_slots;
  JobDescriptor& descriptor = memory_->jobs[slot];
  Outgoing& outgoing = messages_[slot];
  const bool limits = message.limited();
  const std::int64_t limit_values[2] = {message.soft_limit.count(), message.hard_limit.count()};
  const std::size_t length = message.length();

  descriptor.job_id = message.id;
  descriptor.task = message.task;
  descriptor.length = static_cast<std::uint32_t>(length);
  descriptor.prefix_length = static_cast<std::uint32_t>(message.prefix.size());
  descriptor.items = message.pack ? message.count : message.items;
  descriptor.kind = message.kind;
  std::uint8_t flags = message.chunk ? message_flag::chunk : std::uint8_t{0};
  if (message.announce) flags |= message_flag::announce;
  if (message.ask) flags |= message_flag::ask;
  if (limits) flags |= message_flag::limits;
  if (message.pack) flags |= message_flag::pack;
  if (message.even) flags |= message_flag::even;
  descriptor.count.store(static_cast<std::uint16_t>(message.count), std::memory_order_relaxed);

  outgoing.id = message.id;
  outgoing.count = message.count;
  outgoing.pack = message.pack;
  outgoing.place = message.place;
  outgoing.begin = job_bytes_end_;
  std::byte* at = nullptr;
  if (length <= inline_bytes) {
    flags |= message_flag::in_place;
    at = descriptor.bytes;
  } else if (length <= longest_whole_message) {
    const std::size_t offset = job_bytes_end_ & byte_mask;
    if (offset + length > byte_ring_size) job_bytes_end_ += byte_ring_size - offset;
    descriptor.position = job_bytes_end_;
    at = memory_->job_bytes + (job_bytes_end_ & byte_mask);
    job_bytes_end_ += length;
  } else {
    flags |= message_flag::streamed;
    descriptor.position = job_bytes_end_;
    control().job_bytes_tail.store(job_bytes_end_, std::memory_order_relaxed);
    std::memcpy(stream_limits_, limit_values, sizeof limit_values);
    stream_parts_[0] = {stream_limits_, limits ? sizeof limit_values : 0};
    stream_parts_[1] = message.prefix;
    stream_parts_[2] = message.arguments;
    stream_parts_[3] = message.lent;
    stream_parts_[4] = message.behind_lent;
    stream_position_ = job_bytes_end_;
    stream_left_ = length;
    job_bytes_end_ += length;
  }
  if (at != nullptr) {
    const auto put = [&at](const void* bytes, std::size_t count) {
      if (count != 0) std::memcpy(at, bytes, count);
      at += count;
    };
    if (limits) put(limit_values, sizeof limit_values);
    put(message.prefix.data(), message.prefix.size());
    put(message.arguments.data(), message.arguments.size());
    put(message.lent.data(), message.lent.size());
    put(message.behind_lent.data(), message.behind_lent.size());
  }
  outgoing.end = job_bytes_end_;
  descriptor.flags = flags;
  staged_ += message.count;
}

void HostChannel::commit() noexcept {
  if (staged_ == 0) return;
  const std::uint32_t count = std::exchange(staged_, 0);
  const bool changed = change_claim([count](Claim& claim) {
    claim.limit = (claim.limit + count) & Claim::mask;
    return true;
  });
  // A channel in violation keeps its jobs as published and never started: they go elsewhere when the worker
  // is dead.
  limit_ = (limit_ + count) & Claim::mask;
  if (!changed) return;
  if (streaming()) pump();
  wake(WorkerSleep::for_jobs);
}

std::uint32_t HostChannel::take_back(std::uint32_t count) noexcept {
  std::uint32_t taken = 0;
  change_claim([&](Claim& claim) {
    taken = std::min(count, claim.unclaimed());
    claim.limit = (claim.limit - taken) & Claim::mask;
    return taken != 0;
  });
  if (violation_ != nullptr || taken == 0) return 0;
  limit_ = (limit_ - taken) & Claim::mask;
  for (std::uint32_t left = taken; left != 0;) {
    const std::uint32_t slot = (end_message_ - 1) % ring_slots;
    Outgoing& newest = messages_[slot];
    const bool is_oldest = end_message_ - first_message_ == 1;
    const std::uint32_t part = std::min(left, newest.count - (is_oldest ? answered_ : 0));
    left -= part;
    newest.count -= part;
    if (newest.count == 0) {
      job_bytes_end_ = newest.begin;
      --end_message_;
      stream_left_ = 0;  // a stream is always the newest message
    } else {
      memory_->jobs[slot].count.store(static_cast<std::uint16_t>(newest.count), std::memory_order_relaxed);
      answered(0);
    }
  }
  return taken;
}

void HostChannel::pump() noexcept {
  ControlBlock& block = control();
  bool wrote = false;
  while (stream_left_ != 0) {
    const std::uint64_t start = messages_[(end_message_ - 1) % ring_slots].begin;
    // What the worker says it has read counts only within what was sent.
    const std::uint64_t read = block.job_bytes_read.load(std::memory_order_acquire);
    const bool first_still_used = job_bytes_free_from_ != start;
    const std::uint64_t free_from =
        first_still_used ? job_bytes_free_from_
                         : (read - start <= stream_position_ - start ? read : job_bytes_free_from_);
    const std::size_t room = static_cast<std::size_t>(byte_ring_size - (stream_position_ - free_from));
    const std::size_t offset = stream_position_ & byte_mask;
    auto* part = std::find_if(std::begin(stream_parts_), std::end(stream_parts_),
                              [](const auto& span) { return !span.empty(); });
    const std::size_t count = std::min({room, byte_ring_size - offset, part->size(), stream_piece});
    if (count == 0) break;
    std::memcpy(memory_->job_bytes + offset, part->data(), count);
    *part = part->subspan(count);
    stream_position_ += count;
    stream_left_ -= count;
    block.job_bytes_tail.store(stream_position_, std::memory_order_seq_cst);
    wrote = true;
    wake(WorkerSleep::for_job_bytes);
  }
  if (wrote) wake(WorkerSleep::for_job_bytes);
}

bool HostChannel::announce_image(std::string_view record) noexcept {
  const auto length = static_cast<std::uint32_t>(record.size());
  if (image_bytes_ + sizeof length + length > image_records_size) return false;
  std::byte* at = memory_->image_records + image_bytes_;
  std::memcpy(at, &length, sizeof length);
  std::memcpy(at + sizeof length, record.data(), length);
  image_bytes_ += sizeof length + length;
  control().image_count.store(++images_announced_, std::memory_order_release);
  return true;
}

void HostChannel::stop() noexcept {
  if (stop_) return;
  if (change_claim([](Claim& claim) { return claim.stop = true; })) {
    stop_ = true;
    wake(WorkerSleep::for_jobs);
  }
}

void HostChannel::hold(bool on) noexcept {
  if (hold_ == on) return;
  if (change_claim([on](Claim& claim) {
        claim.hold = on;
        return true;
      })) {
    hold_ = on;
    if (!on) wake(WorkerSleep::for_jobs);
  }
}

std::uint32_t HostChannel::claimed() noexcept {
  static_cast<void>(checked(control().claim.load(std::memory_order_acquire)));
  return distance(done_, head_);
}

bool HostChannel::has_begun() noexcept {
  return has_claimed(1);
}

/// Of the jobs that are not answered.
bool HostChannel::has_claimed(std::uint32_t count) noexcept {
  return distance(done_, head_) >= count ||
         (checked(control().claim.load(std::memory_order_acquire)) && distance(done_, head_) >= count);
}

std::uint32_t HostChannel::unclaimed() noexcept {
  const auto claim = checked(control().claim.load(std::memory_order_acquire));
  return claim ? claim->unclaimed() : 0;
}

std::uint32_t HostChannel::started_at_death() noexcept {
  const std::uint32_t left = unclaimed();
  if (violation_ == nullptr && outstanding() > left + 1)
    violated("it claimed a job before it answered the last");
  // A true worker answers one job before it claims the next; of one that broke its rules the word tells
  // nothing.
  if (violation_ == nullptr) return outstanding() - left;
  if (outstanding() == 0) return 0;
  // Of a pack it had begun with all that it had claimed, when that was looked at last.
  return std::max(1U, std::min(distance(done_, head_), oldest().count - answered_));
}

/// Changes the word by compare-exchange; false if the worker broke its rules, or the change was not wanted.
template <class Change>
bool HostChannel::change_claim(Change&& change) noexcept {
  if (violation_ != nullptr) return false;
  std::uint64_t word = control().claim.load(std::memory_order_acquire);
  for (int i = 0; i < longest_contest; ++i) {
    const auto claim = checked(word);
    if (!claim) return false;
    Claim wanted = *claim;
    if (!change(wanted)) return false;
    if (control().claim.compare_exchange_weak(word, wanted.pack(), std::memory_order_seq_cst)) return true;
  }
  return violated("it kept changing the claim word");
}

/// The worker may only have raised `head`, and not above `limit`.
std::optional<Claim> HostChannel::checked(std::uint64_t word) noexcept {
  const Claim claim = Claim::unpack(word);
  if (claim.limit != limit_ || claim.hold != hold_ || claim.stop != stop_ ||
      distance(head_, claim.head) > distance(head_, limit_)) {
    violated("it changed what is the host's in the claim word");
    return std::nullopt;
  }
  head_ = claim.head;
  return claim;
}

void HostChannel::wake(WorkerSleep reason) noexcept {
  std::atomic<std::uint32_t>& sleeps = control().worker_sleeps;
  if (sleeps.load(std::memory_order_seq_cst) != static_cast<std::uint32_t>(reason)) return;
  if (sleeps.exchange(0, std::memory_order_seq_cst) != 0) process_.ring();
}

std::optional<HostChannel::Running> HostChannel::running(TimePoint published, TimePoint now) const noexcept {
  const JobId id = control().current.load(std::memory_order_acquire);
  if (id == 0) return std::nullopt;
  const TimePoint started{Duration(control().started_at.load(std::memory_order_acquire))};
  if (control().current.load(std::memory_order_acquire) != id) return std::nullopt;
  return Running{id, std::clamp(started, std::min(published, now), now)};
}

void HostChannel::acknowledge(JobId job, bool go) noexcept {
  control().acknowledged.store(job << 1 | (go ? 0 : 1), std::memory_order_seq_cst);
  wake(WorkerSleep::for_word);
}

void HostChannel::set_soft_due(JobId job) noexcept {
  control().soft_due.store(job, std::memory_order_seq_cst);
}

// --- results

bool HostChannel::receive(Answer& answer) noexcept {
  if (violation_ != nullptr) return false;
  if (incoming_left_ != 0) return receive_stream(answer);

  const std::uint32_t published = control().result_tail.load(std::memory_order_acquire) - results_read_;
  if (published == 0) return false;
  if (published > ring_slots) return violated("it published more results than the ring holds");
  if (first_message_ == end_message_) return violated("it published a result and had no job");

  ResultDescriptor descriptor;
  std::memcpy(&descriptor, &memory_->results[results_read_ % ring_slots], sizeof descriptor);
  if (descriptor.kind > ResultKind::progress) return violated("its result is of no known kind");
  const bool pack = answers_pack(descriptor.kind);
  if (!(pack ? check_pack(descriptor) : check_job(descriptor))) return false;

  answer.id = descriptor.job_id;
  answer.kind = descriptor.kind;
  answer.count = 1;
  answer.last = (descriptor.flags & message_flag::last) != 0;
  answer.elapsed = Duration(
      static_cast<std::int64_t>(std::min<std::uint64_t>(descriptor.elapsed_ns, std::uint64_t{1} << 62)));
  answer.started = TimePoint(Duration(descriptor.started_ns));
  answer.out_of_memory = false;
  answer.placed = false;
  answer.bytes.clear();
  if (!read_bytes(descriptor, answer)) return false;
  ++results_read_;
  if (incoming_left_ != 0) {
    incoming_answer_ = std::move(answer);
    incoming_place_ = incoming_answer_.kind == ResultKind::value ? oldest().place : nullptr;
    return receive_stream(answer);
  }
  if (pack) {
    answer.count = descriptor.count - salvaged_;
    if (salvaged_ != 0) {
      if (!drop_first(salvaged_, answer)) return false;
      salvaged_ = 0;
    }
    answered(answer.count);
  } else if (answer.kind != ResultKind::progress) {
    answered(1);
  }
  return true;
}

bool HostChannel::has_results() const noexcept {
  return violation_ == nullptr && control().result_tail.load(std::memory_order_acquire) != results_read_;
}

/// The answer to several jobs of the oldest pack; the first of them may have been salvaged.
bool HostChannel::check_pack(const ResultDescriptor& descriptor) noexcept {
  if (!oldest().pack) return violated("it answers a single job as if it were a pack");
  if (descriptor.job_id != oldest().id + answered_ - salvaged_)
    return violated("its result names another job");
  if (descriptor.count < salvaged_ || descriptor.count - salvaged_ > oldest().count - answered_) {
    return violated("it answers more jobs than its pack has, or fewer than it had answered");
  }
  if (!has_claimed(descriptor.count - salvaged_))
    return violated("it answered a job that it had not claimed");
  if (!check_arguments()) return false;
  if (descriptor.length > draft_size) return violated("its result is longer than that of a pack may be");
  return check_values(descriptor.kind, descriptor.length, descriptor.count);
}

/// So many values are of one length.
bool HostChannel::check_values(ResultKind kind, std::size_t length, std::uint32_t count) noexcept {
  if (kind != ResultKind::values || (count == 0 ? length : length % count) == 0) return true;
  return violated("the answers of its pack make no sense");
}

/// The answer to the oldest job, or a report on one of its pack.
bool HostChannel::check_job(const ResultDescriptor& descriptor) noexcept {
  if (!has_claimed(1)) return violated("it answered a job that it had not claimed");
  const JobId ahead = descriptor.job_id - (oldest().id + answered_);
  const bool report = descriptor.kind == ResultKind::progress;
  if (report ? ahead >= oldest().count - answered_ : (ahead != 0 || salvaged_ != 0)) {
    return violated("its result names another job");
  }
  if (!report && !check_arguments()) return false;
  if (descriptor.length > max_message_) return violated("its result is longer than a message may be");
  return true;
}

/// Nothing of the oldest message is answered while its arguments are on their way: they may go then.
bool HostChannel::check_arguments() noexcept {
  // A stream is always the newest message.
  if (!streaming() || end_message_ - first_message_ != 1) return true;
  return violated("it answered a job before it had all of its arguments");
}

/// Or begins with a stream.
bool HostChannel::read_bytes(const ResultDescriptor& descriptor, Answer& answer) noexcept {
  const std::size_t length = descriptor.length;
  if ((descriptor.flags & message_flag::in_place) != 0) {
    if (length > inline_bytes) return violated("its result is longer than its place");
    keep(answer, descriptor.bytes, length);
    return true;
  }
  const std::uint64_t ahead = descriptor.position - result_bytes_read_;
  if ((descriptor.flags & message_flag::streamed) != 0) {
    if (length <= longest_whole_message || descriptor.kind == ResultKind::progress) {
      return violated("it streams what is not a long result");
    }
    if (ahead != 0) return violated("its result lies outside of its ring");
    incoming_left_ = length;
    return true;
  }
  const std::size_t offset = descriptor.position & byte_mask;
  if (ahead > byte_ring_size || length > byte_ring_size - offset || ahead + length > byte_ring_size) {
    return violated("its result lies outside of its ring");
  }
  keep(answer, memory_->result_bytes + offset, length);
  result_bytes_read_ = descriptor.position + length;
  return true;
}

bool HostChannel::receive_stream(Answer& answer) noexcept {
  while (incoming_left_ != 0) {
    const std::uint64_t available =
        control().result_bytes_tail.load(std::memory_order_acquire) - result_bytes_read_;
    if (available > byte_ring_size) return violated("it streams more than its ring holds");
    if (incoming_place_ != nullptr && !incoming_answer_.placed) {
      if (available < sizeof(std::uint64_t)) return false;
      begin_in_place();
      continue;
    }
    const std::size_t offset = result_bytes_read_ & byte_mask;
    const std::size_t count =
        std::min({static_cast<std::size_t>(available), incoming_left_, byte_ring_size - offset});
    if (count == 0) return false;
    keep(incoming_answer_, memory_->result_bytes + offset, count, incoming_place_);
    result_bytes_read_ += count;
    incoming_left_ -= count;
    release();
  }
  answer = std::move(incoming_answer_);
  answered(1);
  return true;
}

/// If that cannot be, there is no place. The count of the elements comes before them, and may lie at both
/// ends of the ring.
void HostChannel::begin_in_place() noexcept {
  std::uint64_t elements = 0;
  std::byte bytes[sizeof elements];
  for (std::size_t i = 0; i < sizeof bytes; ++i) {
    bytes[i] = memory_->result_bytes[(result_bytes_read_ + i) & byte_mask];
  }
  std::memcpy(&elements, bytes, sizeof elements);
  if (!incoming_place_->begin(elements, incoming_left_ - sizeof elements)) {
    incoming_place_ = nullptr;
    return;
  }
  incoming_answer_.placed = true;
  result_bytes_read_ += sizeof elements;
  incoming_left_ -= sizeof elements;
}

bool HostChannel::salvage(Answer& answer) noexcept {
  if (violation_ != nullptr || incoming_left_ != 0 || first_message_ == end_message_ || !oldest().pack)
    return false;
  const Draft draft = Draft::unpack(control().draft.load(std::memory_order_acquire));
  if (draft.first != ((done_ - salvaged_) & Claim::mask) || draft.count <= salvaged_) return false;
  const std::uint32_t count = draft.count - salvaged_;
  if (count > oldest().count - answered_) return violated("it answers more jobs than its pack has");
  if (!has_claimed(count)) return violated("it answered a job that it had not claimed");
  if (!check_arguments()) return false;
  if (draft.length > draft_size) return violated("its draft is longer than a draft may be");
  const ResultKind kind = draft.even ? ResultKind::values : ResultKind::pack;
  if (!check_values(kind, draft.length, draft.count)) return false;
  const std::byte* const place = memory_->drafts[draft.place];
  answer.id = oldest().id + answered_;
  answer.kind = kind;
  answer.count = count;
  answer.last = false;
  answer.elapsed = Duration::zero();
  answer.out_of_memory = false;
  answer.placed = false;
  answer.bytes.clear();
  keep(answer, place, draft.length);
  if (!drop_first(salvaged_, answer)) return false;
  salvaged_ += count;
  answered(count);
  return true;
}

/// Of the answers to the jobs of a pack, of which there have to be `skip` more than `answer.count`.
bool HostChannel::drop_first(std::uint32_t skip, Answer& answer) noexcept {
  if (answer.out_of_memory) return true;
  const ByteBuffer all = std::exchange(answer.bytes, ByteBuffer());
  if (answer.kind == ResultKind::values) {
    const std::size_t begin = all.size() / (skip + answer.count) * skip;
    keep(answer, all.data() + begin, all.size() - begin);
    return true;
  }
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::uint32_t i = 0; i < skip + answer.count; ++i) {
    const std::span<const std::byte> rest = all.view().subspan(end);
    std::uint32_t length = 0;
    if (rest.size() >= answer_header) std::memcpy(&length, rest.data() + sizeof(ResultKind), sizeof length);
    if (rest.size() < answer_header || length > rest.size() - answer_header) {
      return violated("the answers of its pack make no sense");
    }
    end += answer_header + length;
    if (i < skip) begin = end;
  }
  keep(answer, all.data() + begin, end - begin);
  return true;
}

/// So many of the oldest jobs are.
void HostChannel::answered(std::uint32_t count) noexcept {
  done_ = (done_ + count) & Claim::mask;
  answered_ += count;
  // A pack is out until the worker has published what was salvaged.
  if (answered_ != oldest().count || salvaged_ != 0) return;
  job_bytes_free_from_ = oldest().end;
  answered_ = 0;
  ++first_message_;
}

void HostChannel::release() noexcept {
  control().results_read.store(results_read_, std::memory_order_relaxed);
  control().result_bytes_read.store(result_bytes_read_, std::memory_order_seq_cst);
  wake(WorkerSleep::for_result_space);
}

// --- waking

void HostChannel::arm(WakeWord::Who who, bool when_dry) noexcept {
  const std::uint64_t wanted = WakeWord{who, when_dry, aim_}.pack();
  std::atomic<std::uint64_t>& word = control().host_waits;
  if (word.load(std::memory_order_relaxed) != wanted) word.store(wanted, std::memory_order_seq_cst);
}

void HostChannel::disarm() noexcept {
  std::atomic<std::uint64_t>& word = control().host_waits;
  if (word.load(std::memory_order_relaxed) != 0) word.store(0, std::memory_order_relaxed);
}

bool HostChannel::changed() const noexcept {
  if (violation_ != nullptr) return false;
  return control().signals.load(std::memory_order_seq_cst) != signals_seen_ ||
         static_cast<std::int32_t>(control().result_tail.load(std::memory_order_seq_cst) - aim_) >= 0;
}

void HostChannel::note_signals() noexcept {
  signals_seen_ = control().signals.load(std::memory_order_acquire);
}

}  // namespace procpool::detail
