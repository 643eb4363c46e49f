// SPDX-License-Identifier: MIT
/// \file
/// What POSIX systems have around a pool. In surroundings_linux.cpp and surroundings_darwin.cpp.
#pragma once

namespace procpool::testing {

/// True if the memory of channels counts for RLIMIT_FSIZE.
[[nodiscard]] bool shared_memory_is_a_file();

/// Gives this process a /dev/shm without a free byte, which no other process sees. False if that is not
/// allowed, or there is no such thing.
[[nodiscard]] bool fill_dev_shm();

}  // namespace procpool::testing
