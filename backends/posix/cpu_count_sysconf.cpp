// SPDX-License-Identifier: MIT
// For systems without affinity and control groups (macOS).
#include "pool/cpu_count.hpp"

#include <algorithm>

#include <unistd.h>

namespace procpool::detail {

std::size_t available_cpus() {
  return static_cast<std::size_t>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

}  // namespace procpool::detail
