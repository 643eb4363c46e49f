// SPDX-License-Identifier: MIT
/// \file
/// this_task: what a task may ask about itself while it runs. To be called on the thread that runs the task; elsewhere
/// everything answers as outside of a task.
#pragma once

#include <procpool/export.hpp>
#include <procpool/types.hpp>

namespace procpool::this_task {

/// True in a worker, while it runs a task.
[[nodiscard]] PROCPOOL_EXPORT bool is_inside_task() noexcept;
/// The job that this task belongs to; of a chunk, that of the chunk. 0 outside of a task.
[[nodiscard]] PROCPOOL_EXPORT JobId job_id() noexcept;

}  // namespace procpool::this_task
