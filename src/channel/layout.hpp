// SPDX-License-Identifier: MIT
/// \file
/// What stands where in the memory that the host shares with one worker.
///
/// Each word has one writer, named beside it; only `claim` and the two sleep words are changed by both, each
/// by one atomic operation. The worker can scribble on all of it: the host copies each word once and checks
/// it (see HostChannel). Both sides run the same build, or have compared build ids, so the layout needs no
/// version.
#pragma once

#include "crash/crash_area.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace procpool::detail {

inline constexpr std::uint32_t ring_slots = 2048;
inline constexpr std::size_t byte_ring_size = std::size_t{1} << 20;
/// Of a position in the stream of bytes: where in the ring it is.
inline constexpr std::size_t byte_mask = byte_ring_size - 1;
/// Longer messages are streamed through the byte ring in pieces; shorter ones stand in it whole.
inline constexpr std::size_t longest_whole_message = byte_ring_size / 2;
/// What one side copies of a stream before the other is told: small enough that both copy at once.
inline constexpr std::size_t stream_piece = std::size_t{128} << 10;
inline constexpr std::size_t inline_bytes = 32;

/// Of a progress report.
inline constexpr std::size_t longest_note = 1000;

/// What the jobs of one pack may have for arguments, in bytes, and how many they may be.
inline constexpr std::size_t longest_pack = std::size_t{32} << 10;
inline constexpr std::uint32_t most_in_pack = 4096;
/// Where a worker gathers the answers of a pack; there are two such places.
inline constexpr std::size_t draft_size = std::size_t{32} << 10;

enum class MessageKind : std::uint8_t {
  task,
  exit_task,  ///< what to run when the worker ends
  hello,      ///< runs the initializer, if there is one (items is not 0); the last before the tasks
};

namespace message_flag {
inline constexpr std::uint8_t in_place = 1;  ///< the bytes are in the descriptor
inline constexpr std::uint8_t streamed = 2;  ///< the bytes follow through the byte ring while it is read
inline constexpr std::uint8_t announce = 4;  ///< job: the worker rings as it starts
inline constexpr std::uint8_t chunk = 8;     ///< several items, each with a length before it unless `even`
inline constexpr std::uint8_t limits = 16;   ///< job: begins with its soft and hard limit (2 x 64 bits, ns)
inline constexpr std::uint8_t ask = 64;      ///< job: the worker waits for the host's word (`acknowledged`)
inline constexpr std::uint8_t even = 32;     ///< job: its items are of one length, which stands nowhere
inline constexpr std::uint8_t last = 32;     ///< result: the worker ends now, of its own accord
inline constexpr std::uint8_t pack = 128;    ///< several jobs, each an item as of a chunk
}  // namespace message_flag

/// What the host publishes: prefix (the callable) and arguments, one after the other, of a job; or of a pack
/// of jobs, whose ids follow each other and which are claimed one by one.
struct JobDescriptor {
  std::uint64_t job_id;
  std::uint64_t task;
  std::uint32_t length;
  std::uint32_t prefix_length;
  std::uint32_t items;  ///< of a chunk; of a pack as it was published
  MessageKind kind;
  std::uint8_t flags;
  /// The jobs that are left in it. The host lowers it, after `claim`, when it takes back the rest of a pack.
  std::atomic<std::uint16_t> count;
  union {
    std::byte bytes[inline_bytes];
    std::uint64_t position;  ///< in the byte ring, counted from the channel's birth
  };
};
static_assert(sizeof(JobDescriptor) == 64);

enum class ResultKind : std::uint8_t {
  value,      ///< the encoded result
  exception,  ///< the encoded exception
  items,      ///< of a chunk: for each item its kind (8 bits), length (32 bits) and bytes
  pack,       ///< of several jobs of a pack: for each the same
  values,     ///< of several jobs of a pack: their encoded results, all of one length
  refused,    ///< the host did not let the job begin
  progress,   ///< of a job that still runs: fraction (double) and a note
};

/// What the worker publishes: the answer to the oldest job that has none yet, or to so many of the oldest
/// pack; or a report on the job that runs.
struct ResultDescriptor {
  std::uint64_t job_id;
  std::uint64_t elapsed_ns;
  std::uint32_t length;
  ResultKind kind;
  std::uint8_t flags;
  std::uint16_t count;      ///< of a pack: the jobs that it answers
  std::int64_t started_ns;  ///< of the steady clock
  union {
    std::byte bytes[inline_bytes];
    std::uint64_t position;
  };
};
static_assert(sizeof(ResultDescriptor) == 64);

/// Why a worker sleeps, in `worker_sleeps`.
enum class WorkerSleep : std::uint32_t { awake, for_jobs, for_job_bytes, for_result_space, for_word };

struct ControlBlock {
  // Host and worker, by compare-exchange: see Claim.
  alignas(64) std::atomic<std::uint64_t> claim;

  // Worker: the job that runs (0: none) and since when, in nanoseconds of the steady clock; a job of a pack
  // without limits since the pack began.
  alignas(64) std::atomic<std::uint64_t> current;
  std::atomic<std::int64_t> started_at;
  std::atomic<std::uint64_t> draft;  ///< a Draft

  // Worker: results published, and how often it did something else that the host should look at.
  alignas(64) std::atomic<std::uint32_t> result_tail;
  std::atomic<std::uint32_t> signals;
  std::atomic<std::uint64_t> result_bytes_tail;  ///< of a streamed result: written so far
  std::atomic<std::uint64_t> job_bytes_read;     ///< of a streamed job: read so far

  // A WorkerSleep. The worker sets it; whoever takes it away wakes the worker.
  alignas(64) std::atomic<std::uint32_t> worker_sleeps;
  // A WakeWord. The host sets it; the worker takes it away and rings.
  alignas(64) std::atomic<std::uint64_t> host_waits;

  // Host.
  alignas(64) std::atomic<std::uint64_t> soft_due;  ///< the job whose soft limit has passed
  std::atomic<std::uint32_t> results_read;
  std::atomic<std::uint64_t> result_bytes_read;
  std::atomic<std::uint64_t> job_bytes_tail;  ///< of a streamed job: written so far
  std::atomic<std::uint64_t> acknowledged;  ///< for a job that asks: its id times 2, plus 1 if it is refused
  // Host, before it publishes the first message.
  std::uint64_t max_message;
  std::uint64_t max_tasks;       ///< the worker ends after so many; 0: no limit
  std::uint64_t max_footprint;   ///< the worker ends after a task that leaves it with more; 0: no limit
  std::uint64_t memory_capped;   ///< allocations fail at PoolOptions::memory_limit
  std::uint64_t memory_watched;  ///< what the worker keeps counts against a limit
  std::int64_t longest_spin;     ///< in nanoseconds
  std::uint64_t same_program;    ///< the worker has to be of the host's own build
  std::atomic<std::uint32_t> image_count;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// The images (programs and libraries) that jobs name, in the order of their numbers; written by the host:
/// for each a 32-bit length and a record.
inline constexpr std::size_t image_records_size = std::size_t{56} << 10;

struct ChannelMemory {
  ControlBlock control;
  alignas(4096) std::byte image_records[image_records_size];
  alignas(4096) JobDescriptor jobs[ring_slots];
  alignas(4096) ResultDescriptor results[ring_slots];
  alignas(4096) std::byte job_bytes[byte_ring_size];
  alignas(4096) std::byte result_bytes[byte_ring_size];
  alignas(4096) std::byte drafts[2][draft_size];
  alignas(4096) CrashArea crash;
};

/// The word `draft`: the answers to jobs of a pack that are not published yet, as they stand in one of the
/// two `drafts`: like the bytes of a result of the kind `pack` or, if they are `even`, `values`. They are not
/// lost with the worker. With each result it turns to the other draft, so that what the host copies stays as
/// it is.
struct Draft {
  std::uint32_t first = 0;   ///< the number of the first of these jobs, as in Claim
  std::uint32_t count = 0;   ///< of jobs, up to most_in_pack
  std::uint32_t length = 0;  ///< in bytes, up to draft_size
  std::uint32_t place = 0;   ///< which of the two
  bool even = false;

  [[nodiscard]] static constexpr Draft unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word) & 0x7fffffff, static_cast<std::uint32_t>(word >> 32) & 0x7fff,
            static_cast<std::uint32_t>(word >> 47) & 0xffff, static_cast<std::uint32_t>(word >> 63),
            (word >> 31 & 1) != 0};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{first} | std::uint64_t{even ? 1U : 0U} << 31 | std::uint64_t{count} << 32 |
           std::uint64_t{length} << 47 | std::uint64_t{place} << 63;
  }
};
static_assert(most_in_pack <= 0x7fff && draft_size <= 0xffff, "they have to fit into the word");

/// What stands before each answer of a chunk or pack.
inline constexpr std::size_t answer_header = sizeof(ResultKind) + sizeof(std::uint32_t);

/// The word `claim`: which of the published jobs are claimed. Numbers count jobs from the channel's birth,
/// modulo 2^31. The host publishes by raising `limit` and takes back by lowering it; the worker claims by
/// raising `head`.
struct Claim {
  static constexpr std::uint32_t mask = 0x7fffffff;

  std::uint32_t head = 0;
  std::uint32_t limit = 0;
  bool hold = false;  ///< the worker may claim nothing
  bool stop = false;  ///< the worker ends when nothing is left to claim

  [[nodiscard]] static constexpr Claim unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word) & mask, static_cast<std::uint32_t>(word >> 31) & mask,
            (word >> 62 & 1) != 0, (word >> 63 & 1) != 0};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{head} | std::uint64_t{limit} << 31 | std::uint64_t{hold} << 62 |
           std::uint64_t{stop} << 63;
  }
  [[nodiscard]] constexpr std::uint32_t unclaimed() const noexcept { return (limit - head) & mask; }
};

/// The word `host_waits`: who is to be rung, and for what. Both in one word, else a worker could ring
/// somebody who has left.
struct WakeWord {
  enum class Who : std::uint8_t { nobody, loop, leader };

  Who who = Who::nobody;
  bool when_dry = false;      ///< also when the worker has nothing left to claim
  std::uint32_t results = 0;  ///< ring once `result_tail` has reached this

  [[nodiscard]] static constexpr WakeWord unpack(std::uint64_t word) noexcept {
    const auto who = static_cast<Who>(word & 3);
    return {who > Who::leader ? Who::nobody : who, (word >> 2 & 1) != 0,
            static_cast<std::uint32_t>(word >> 32)};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
    return static_cast<std::uint64_t>(who) | std::uint64_t{when_dry} << 2 | std::uint64_t{results} << 32;
  }
  friend constexpr bool operator==(WakeWord, WakeWord) noexcept = default;
};

}  // namespace procpool::detail
