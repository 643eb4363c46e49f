// SPDX-License-Identifier: MIT
/// \file
/// What POSIX systems have around a pool. In surroundings_linux.cpp and surroundings_darwin.cpp.
#pragma once

#include <functional>
#include <string>

namespace procpool::testing {

/// True if the memory of channels counts for RLIMIT_FSIZE.
[[nodiscard]] bool shared_memory_is_a_file();

/// Gives this process a /dev/shm without a free byte, which no other process sees. False if that is not
/// allowed, or there is no such thing.
[[nodiscard]] bool fill_dev_shm();

/// Calls `body` at a time when the thread holds what the dynamic linker locks while somebody looks at all
/// loaded images. Where nothing is locked then, just calls it.
void with_images_locked(const std::function<void()>& body);

/// Why programs cannot load shared libraries; empty if they can. (surroundings_posix.cpp)
[[nodiscard]] std::string no_shared_libraries();

/// Why the unwinder does not get from a signal's handler to what the signal has interrupted; empty if it
/// does. Then of a crash only the place is told, and who called that where the processor says it.
/// (surroundings_posix.cpp)
[[nodiscard]] std::string no_stack_of_crashes();

/// Why a task that calls exit() in a fork of the host runs the host's exit handlers; empty if it does not.
[[nodiscard]] std::string exit_runs_handlers_of_host();

/// True if functions have names in libraries that only a worker has loaded.
[[nodiscard]] bool names_in_unloaded_libraries();

}  // namespace procpool::testing
