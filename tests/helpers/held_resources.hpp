// SPDX-License-Identifier: MIT
/// \file
/// What the test process holds at this moment that a pool could have left behind.
#pragma once

#include <map>
#include <string>

namespace procpool::testing {

/// Descriptors, threads, children, descendants and shared memory: a key that names each for as long as it
/// lives, and a description for people. Not thread-safe against a thread that opens and closes descriptors.
/// Empty on systems where nobody has written how to find out.
using HeldResources = std::map<std::string, std::string>;
[[nodiscard]] HeldResources held_resources();

/// Makes descendants recognizable even after their parents have died, by an environment variable that has to
/// be there when this program starts: runs the program anew (same pid) if it is not. First thing in main,
/// after procpool::init.
void mark_descendants(char** argv);

/// Kills the processes among `held`, so that one test's leftovers do not disturb the next.
void kill_processes(const HeldResources& held);

}  // namespace procpool::testing
