// SPDX-License-Identifier: MIT
#include "win32/process_setup.hpp"

#include <cstdio>
#include <iostream>

namespace procpool::win32 {

void flush_stdio() noexcept {
  try {
    for (std::ostream* stream : {&std::cout, &std::cerr, &std::clog}) stream->flush();
    for (std::wostream* stream : {&std::wcout, &std::wcerr, &std::wclog}) stream->flush();
  } catch (...) {
    // The user has asked that stream for exceptions; what it could not write stays its own matter.
  }
  // Not all streams: a thread that a task has left in a read holds the lock of its stream.
  std::fflush(stdout);
  std::fflush(stderr);
}

}  // namespace procpool::win32
