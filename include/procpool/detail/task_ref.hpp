// SPDX-License-Identifier: MIT
/// \file
/// TaskRef: how one process names code to another that runs the same build.
#pragma once

#include <procpool/detail/argument_bytes.hpp>
#include <procpool/detail/result_bytes.hpp>
#include <procpool/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace procpool::detail {

/// The number of an image in the table of the host (16 bits), and an offset in that image (48 bits).
struct TaskRef {
  static constexpr unsigned image_shift = 48;
  /// No image: the task is named, and its name is in the prefix.
  static constexpr std::uint64_t named_image = 0xFFFF;

  std::uint64_t value = 0;

  [[nodiscard]] static constexpr TaskRef at(std::uint64_t image, std::uint64_t offset) noexcept {
    return {(image << image_shift) | offset};
  }
  [[nodiscard]] constexpr std::uint64_t image() const noexcept { return value >> image_shift; }
  [[nodiscard]] constexpr std::uint64_t offset() const noexcept {
    return value & ((std::uint64_t{1} << image_shift) - 1);
  }
  friend constexpr bool operator==(TaskRef, TaskRef) noexcept = default;
};

inline constexpr TaskRef named_task_ref = TaskRef::at(TaskRef::named_image, 0);

/// Runs one task in the worker: decodes what is to be called from `prefix` and its arguments from
/// `arguments`, calls, and encodes the result. What the task throws passes through. SerializationError if
/// something cannot be decoded or encoded, TaskNotFoundError if the prefix names a function that the worker
/// does not have.
using TaskInvoker = void (*)(std::span<const std::byte> prefix, const ArgumentBytes& arguments,
                             const ResultBytes& result);

/// The reference of code in this process. Adds its image to the table of this process if it is new, and keeps
/// the image loaded from then on. Throws TaskNotFoundError for an address outside of all images,
/// std::invalid_argument for null. Any thread.
[[nodiscard]] PROCPOOL_EXPORT TaskRef task_ref(const void* code);
/// The same, remembering the last few for each thread.
[[nodiscard]] PROCPOOL_EXPORT TaskRef cached_task_ref(const void* code);

/// The address of the code in this process: by the ImageResolver of this thread in a worker, by this
/// process's own table elsewhere. Throws TaskNotFoundError.
[[nodiscard]] PROCPOOL_EXPORT void* resolve_task(TaskRef ref);

}  // namespace procpool::detail
