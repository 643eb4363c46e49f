// SPDX-License-Identifier: MIT
/// \file
/// What the host tells a process that it has started in its job: which handles it has got, and "go". The
/// process does nothing before it has read that from its pipe.
#pragma once

#include "win32/unique_handle.hpp"

#include <cstdint>
#include <system_error>
#include <type_traits>

namespace procpool::win32 {

/// A host does not start workers of another version (PoolOptions::worker_program may be old).
inline constexpr std::uint32_t protocol_version = 1;

struct StartRecord {
  enum class Kind : std::uint32_t {
    work,
    probe,  ///< end with probe_answer: the host wants to know whether the program can be a worker
  };

  std::uint32_t version = protocol_version;
  Kind kind{};
  // Handles of the receiver, made by DuplicateHandle.
  std::uint64_t memory = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t doorbell = 0;      ///< event, set by the host
  std::uint64_t loop_bell = 0;     ///< event, set by the worker
  std::uint64_t leader_bell = 0;   ///< event, set by the worker
  std::uint64_t nudge = 0;         ///< event, set by the host
  std::uint64_t host_process = 0;  ///< to wait for
};
static_assert(std::is_trivially_copyable_v<StartRecord>);

/// The exit code of a probed program that can be a worker of this version.
inline constexpr std::uint32_t probe_answer = 0x50500000U + protocol_version;
/// Exit codes of a process that was started as a worker and cannot be one.
inline constexpr std::uint32_t bad_role = 124;
inline constexpr std::uint32_t setup_failed = 125;

/// Two ends of an anonymous pipe.
struct StartPipe {
  UniqueHandle read;
  UniqueHandle write;
};

/// Neither end is inherited by children. Throws SpawnError.
[[nodiscard]] StartPipe make_start_pipe();
/// Does not block: a record is much shorter than a pipe's buffer.
[[nodiscard]] std::error_code send_start_record(HANDLE pipe, const StartRecord& record) noexcept;
/// Waits for the record; false if the host has died, or what comes is no record.
[[nodiscard]] bool receive_start_record(HANDLE pipe, StartRecord& record) noexcept;

}  // namespace procpool::win32
