// SPDX-License-Identifier: MIT
#include "helpers/held_resources.hpp"

namespace procpool::testing {

HeldResources held_resources() {
  return {};
}
void mark_descendants(char**) {}
void kill_processes(const HeldResources&) {}

}  // namespace procpool::testing
