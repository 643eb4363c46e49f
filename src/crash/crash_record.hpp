// SPDX-License-Identifier: MIT
/// \file
/// CrashRecord: what a host has of the crash of a worker, copied out of its reach and checked.
#pragma once

#include "crash/crash_area.hpp"

#include <procpool/exit_status.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace procpool::detail {

struct CrashRecord {
  static constexpr std::size_t no_image = most_crash_images;

  /// A file as the worker named it; nothing is known of it but that it has a name.
  struct Image {
    std::string path;
    std::string build_id;  ///< the bytes; empty if not known
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };
  struct Frame {
    std::uint64_t address = 0;
    std::size_t image = no_image;  ///< in `images`
    std::uint64_t offset = 0;      ///< in the image; 0 without
  };

  std::optional<std::uint64_t> fault_address;  ///< that could not be accessed
  std::vector<Frame> frames;
  std::vector<Image> images;
};

/// Nothing if the worker has told nothing, or nothing that fits how it ended. The worker is dead.
[[nodiscard]] std::optional<CrashRecord> read_crash(const CrashArea& area, ExitStatus status);

}  // namespace procpool::detail
