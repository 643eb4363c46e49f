// SPDX-License-Identifier: MIT
/// \file
/// What the peers that are written in C++ share: a record that travels, the work that it asks for, and the
/// workloads, which print one line of JSON. Queues and bare mechanisms only: nobody looks after a worker.
///
/// A peer is a class that starts its workers in its constructor and ends them in its destructor:
///
///     explicit Peer(std::size_t workers, std::size_t window);  // records that one worker may have at a time
///     Record call(Record);                                     // one at a time
///     template <class Source, class Sink> void stream(std::int64_t n, Source source, Sink sink);
///     void echo(std::span<const std::byte> sent, std::span<std::byte> got);
#pragma once

#include "peers/child.hpp"
#include "peers/measuring.hpp"
#include "peers/record.hpp"
#include "peers/workloads.hpp"

#include <cstdio>
#include <exception>
#include <string>

namespace peers {

inline void unsupported(const char* reason) {
  std::printf("{\"unsupported\": true, \"reason\": \"%s\"}\n", reason);
}

/// The main of a peer. `own` is tried first: true if it has run the workload.
template <class Peer, class Own>
int run(int argc, char** argv, const char* version, Own own) {
  try {
    const Arguments arguments = parse(argc, argv);
    const std::string& workload = arguments.workload;
    if (workload == "version") {
      std::printf("{\"version\": \"%s\"}\n", version);
    } else if (own(arguments)) {
    } else if (workload == "noop_map" || workload == "noop_async") {
      stream_no_ops<Peer>(arguments);
    } else if (workload == "latency") {
      latency<Peer>(arguments);
    } else if (workload == "payload") {
      payload<Peer>(arguments);
    } else if (workload == "startup") {
      startup<Peer>(arguments);
    } else if (workload == "startup_1g") {
      startup_with_large_heap<Peer>(arguments);
    } else if (workload == "mixed") {
      mixed<Peer>(arguments);
    } else if (workload == "idle_memory") {
      idle_memory<Peer>(arguments);
    } else if (workload == "behind_long") {
      behind_long<Peer>(arguments);
    } else {
      unsupported("it knows no such thing");
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
template <class Peer>
int run(int argc, char** argv, const char* version) {
  return run<Peer>(argc, argv, version, [](const Arguments&) { return false; });
}

}  // namespace peers
