// SPDX-License-Identifier: MIT
/// \file
/// The images whose code this process, as a host, has asked workers to run. For the whole process; only
/// grows; no function takes a lock that a fork could leave taken. Any thread.
#pragma once

#include <procpool/detail/task_ref.hpp>

#include <cstddef>
#include <string>

namespace procpool::detail {

/// The number of images in the table, at least 1: the program itself is image 0. A TaskRef's image is there
/// before the TaskRef is.
[[nodiscard]] std::size_t image_count();

/// What tells image `number` (< image_count()) to an ImageResolver in another process.
[[nodiscard]] const std::string& image_record(std::size_t number);

/// The address that the reference was made from, in this process. Throws TaskNotFoundError.
[[nodiscard]] void* resolve_in_table(TaskRef ref);

}  // namespace procpool::detail
