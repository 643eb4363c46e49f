// SPDX-License-Identifier: MIT
/// \file
/// CrashArea: the part of a channel's memory in which a worker that crashes says where.
///
/// Written by the worker alone, by code that may run in a signal handler, in whatever state the process is;
/// read by the host once the worker is dead (see crash_record.hpp), which believes none of it unchecked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace procpool::detail {

inline constexpr std::size_t most_crash_frames = 64;
inline constexpr std::size_t most_crash_images = 32;
inline constexpr std::size_t longest_image_path = 1024;
inline constexpr std::size_t longest_build_id = 64;

/// A program or library that some of the frames lie in.
struct CrashImage {
  std::uint64_t begin;   ///< of the addresses of its code
  std::uint64_t end;     ///< behind the last
  std::uint64_t base;    ///< what its offsets count from: an offset is an address less this
  std::uint64_t device;  ///< of the file, if the system told; else 0
  std::uint64_t inode;
  std::uint32_t build_id_length;  ///< 0: not known
  std::uint32_t path_length;
  std::uint8_t build_id[longest_build_id];
  char path[longest_image_path];
};

/// All zero until the worker crashes. Each part is there once its count says so, so that what was written
/// stays good if the rest cannot be.
struct CrashArea {
  std::uint32_t cause;              ///< the signal; on Windows the exception's code
  std::uint32_t has_fault_address;  ///< 1: it was about an access to memory
  std::uint64_t fault_address;
  std::atomic<std::uint32_t> frame_count;
  std::atomic<std::uint32_t> image_count;
  /// Innermost first: the instruction that crashed, then in each caller an address within the call.
  std::uint64_t frames[most_crash_frames];
  CrashImage images[most_crash_images];
};
static_assert(std::is_trivially_destructible_v<CrashArea>);

}  // namespace procpool::detail
