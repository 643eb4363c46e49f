// SPDX-License-Identifier: MIT
#include "posix/process_setup.hpp"

#include <cstdio>
#include <iostream>

namespace procpool::posix {

void flush_stdio() noexcept {
  try {
    for (std::ostream* stream : {&std::cout, &std::cerr, &std::clog}) stream->flush();
    for (std::wostream* stream : {&std::wcout, &std::wcerr, &std::wclog}) stream->flush();
  } catch (...) {
    // The user has asked that stream for exceptions; what it could not write stays its own matter.
  }
  // fflush(nullptr) takes the lock of each stream in turn, and a thread that waits for input in fgets(stdin)
  // holds that of stdin for as long as it waits.
  if (::ftrylockfile(stdin) == 0) {
    std::fflush(nullptr);
    ::funlockfile(stdin);
    return;
  }
  for (std::FILE* stream : {stdout, stderr}) {
    if (::ftrylockfile(stream) != 0) continue;
    std::fflush(stream);
    ::funlockfile(stream);
  }
}

}  // namespace procpool::posix
