// SPDX-License-Identifier: MIT
/// \file
/// Waiting for a native handle, as a host with a loop of its own does.
#pragma once

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

namespace procpool::testing {

/// True once `handle` is readable; false if that takes longer than `timeout`.
[[nodiscard]] bool becomes_ready(NativeHandle handle, Duration timeout);

}  // namespace procpool::testing
