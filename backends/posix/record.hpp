// SPDX-License-Identifier: MIT
/// \file
/// What the host and a launcher say to each other: records of one size over a stream socket, with
/// descriptors.
///
/// host to launcher: start (with the memory, the worker's doorbell and, if it is captured, its stderr), kill,
/// signal. launcher to host:
/// hello, then for each start one of started (with a handle of the process, where there are any) and
/// start_failed, and exited after each started. End of file from the host: the launcher kills everything and
/// ends. End of file from the launcher: it has ended, or was killed.
#pragma once

#include "posix/unique_fd.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <system_error>

namespace procpool::posix {

/// Part of every hello. A host refuses a launcher of another version (PoolOptions::worker_program may be
/// old).
inline constexpr std::int32_t protocol_version = 2;

struct Record {
  enum class Kind : std::uint32_t { start, kill, signal, hello, started, start_failed, exited };

  Kind kind{};
  /// hello: protocol_version. signal: its number. start_failed: errno. exited: a code or a signal.
  std::int32_t value = 0;
  std::uint64_t worker = 0;
  /// hello: inherited_memory() of its workers. start: bytes of memory. started: the pid. exited: 1 if by a
  /// signal. start_failed: a StartStep.
  std::uint64_t extra = 0;
};

/// What went wrong when a launcher could not start a worker.
enum class StartStep : std::uint64_t { receive_descriptors, fork, execute };

inline constexpr std::size_t most_descriptors = 3;

/// Writes a record, or what is left of it from `offset` on, without waiting. The descriptors go with the
/// first byte and stay the caller's. Returns how far it got, or -1 with errno.
[[nodiscard]] ssize_t send_record(int fd, const Record& record, std::size_t offset,
                                  std::span<const int> descriptors) noexcept;

/// Writes all of a record, waiting at most `patience` for a peer that does not read. timed_out after that;
/// should a part of the record have been sent then, the socket is shut down, so that both sides see its end.
[[nodiscard]] std::error_code send_whole_record(int fd, const Record& record,
                                                std::span<const int> descriptors,
                                                std::chrono::milliseconds patience) noexcept;

struct ReceivedRecord {
  Record record;
  std::array<UniqueFd, most_descriptors> descriptors;
  /// The process had no room for a descriptor that was sent.
  bool descriptors_lost = false;
};

/// Puts records together from a stream. Whoever uses it for one socket uses it for all reading of that
/// socket.
class RecordReader {
 public:
  enum class Outcome : std::uint8_t { record, nothing, end };
  /// Does not wait. `end` for end of file and for every error.
  [[nodiscard]] Outcome read(int fd, ReceivedRecord& received) noexcept;

 private:
  ReceivedRecord partial_;
  std::size_t have_ = 0;
};

/// Records that wait until the socket takes them, so that the writer never waits. Owns their descriptors till
/// then.
class RecordQueue {
 public:
  void push(const Record& record, UniqueFd descriptor = UniqueFd());
  /// False if the peer is gone.
  [[nodiscard]] bool flush(int fd) noexcept;
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }

 private:
  struct Waiting {
    Record record;
    UniqueFd descriptor;
    std::size_t sent = 0;
  };
  std::deque<Waiting> waiting_;
};

}  // namespace procpool::posix
