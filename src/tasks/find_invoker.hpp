// SPDX-License-Identifier: MIT
/// \file
/// From what a worker was sent to the code to call.
#pragma once

#include <procpool/detail/task_ref.hpp>

#include <cstddef>
#include <span>

namespace procpool::detail {

/// The function that runs the task. Takes the name of a named task off the front of `prefix`. Throws
/// TaskNotFoundError that names what is missing, SerializationError if the prefix is nonsense. Uses the
/// resolver of this thread: see image_resolver.hpp.
[[nodiscard]] TaskInvoker find_invoker(TaskRef ref, std::span<const std::byte>& prefix);

}  // namespace procpool::detail
