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

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace peers {

using Clock = std::chrono::steady_clock;

enum class What : std::uint32_t { add_one, nap, end };

/// A task, and its answer.
struct Record {
  What what = What::add_one;
  std::uint32_t id = 0;
  std::int64_t value = 0;  ///< of `nap`: ns
};
static_assert(sizeof(Record) == 16);

/// In the worker.
inline void execute(Record& record) {
  if (record.what == What::nap) std::this_thread::sleep_for(std::chrono::nanoseconds(record.value));
  ++record.value;
}

inline void check(bool condition, const char* what) {
  if (!condition) throw std::system_error(errno, std::generic_category(), what);
}

/// A child that runs `work` and ends. It is killed with this object, if it still runs then.
class Child {
 public:
  template <class Work>
  explicit Child(Work work) : pid_(::fork()) {
    check(pid_ >= 0, "fork");
    if (pid_ != 0) return;
    try {
      work();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() { kill(); }

  void kill() noexcept {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  /// Until it has ended.
  void wait() noexcept {
    if (pid_ <= 0) return;
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

struct Arguments {
  std::string workload;
  std::int64_t n = 1000;
  std::size_t workers = 2;
};

inline Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--workload") arguments.workload = argv[i + 1];
    if (name == "--n") arguments.n = std::stoll(argv[i + 1]);
    if (name == "--workers") arguments.workers = std::stoul(argv[i + 1]);
  }
  return arguments;
}

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

constexpr std::size_t deep_window = 1024;
constexpr std::size_t payload_size = std::size_t{8} << 20;
constexpr std::size_t payload_block = 4096;

template <class Peer>
void stream_no_ops(const Arguments& arguments) {
  Peer peer(arguments.workers, deep_window);
  std::int64_t sum = 0;
  const auto start = Clock::now();
  peer.stream(
      arguments.n,
      [](std::int64_t i) {
        return Record{What::add_one, 0, i};
      },
      [&](const Record& record) { sum += record.value; });
  std::printf("{\"seconds\": %.6f, \"n\": %lld, \"checksum\": %lld}\n", ms_since(start) / 1e3,
              static_cast<long long>(arguments.n), static_cast<long long>(sum));
}

template <class Peer>
void latency(const Arguments& arguments) {
  Peer peer(1, 1);
  for (std::int64_t i = 0; i < 200; ++i) peer.call({What::add_one, 0, i});
  std::vector<double> us(static_cast<std::size_t>(arguments.n));
  std::int64_t sum = 0;
  std::int64_t i = 0;
  for (double& one : us) {
    const auto start = Clock::now();
    sum += peer.call({What::add_one, 0, i++}).value;
    one = ms_since(start) * 1e3;
  }
  std::sort(us.begin(), us.end());
  std::printf("{\"p50_us\": %.3f, \"n\": %zu, \"checksum\": %lld}\n", us[us.size() / 2], us.size(),
              static_cast<long long>(sum));
}

inline std::vector<std::byte> payload_of(std::size_t variant) {
  std::vector<std::byte> bytes(payload_size);
  for (std::size_t block = 0; block < payload_size / payload_block; ++block) {
    std::memset(bytes.data() + block * payload_block, static_cast<int>((block * 7 + variant * 13) % 256),
                payload_block);
  }
  return bytes;
}

template <class Peer>
void payload(const Arguments& arguments) {
  const std::vector<std::byte> sent[2] = {payload_of(0), payload_of(1)};
  std::vector<std::byte> got(payload_size);
  Peer peer(1, 1);
  for (std::size_t i = 0; i < 4; ++i) peer.echo(sent[i % 2], got);
  std::uint64_t sum = 0;
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < arguments.n; ++i) {
    peer.echo(sent[i % 2], got);
    for (std::size_t at = 0; at < got.size(); at += payload_block)
      sum += std::to_integer<std::uint64_t>(got[at]);
  }
  const double seconds = ms_since(start) / 1e3;
  if (got != sent[(arguments.n - 1) % 2]) throw std::logic_error("other bytes came back");
  std::printf("{\"seconds\": %.6f, \"n\": %lld, \"bytes\": %zu, \"checksum\": %llu}\n", seconds,
              static_cast<long long>(arguments.n), payload_size, static_cast<unsigned long long>(sum));
}

template <class Peer>
void startup(const Arguments& arguments) {
  std::vector<double> ms;
  for (std::int64_t i = 0; i <= arguments.n; ++i) {
    const auto start = Clock::now();
    {
      Peer peer(arguments.workers, 1);
      if (peer.call({What::add_one, 0, 41}).value != 42) throw std::logic_error("a wrong result");
    }
    ms.push_back(ms_since(start));
  }
  std::sort(ms.begin() + 1, ms.end());
  std::printf("{\"ms\": %.4f, \"warm_ms\": %.4f, \"checksum\": 42}\n", ms[0], ms[ms.size() / 2]);
}

/// `n` no-ops that are submitted after a task of one second: until they are done.
template <class Peer>
void behind_long(const Arguments& arguments) {
  Peer peer(arguments.workers, 1);
  std::int64_t sum = 0;
  std::int64_t done = 0;
  double ms = 0;
  const auto start = Clock::now();
  peer.stream(
      arguments.n + 1,
      [](std::int64_t i) {
        return i == 0 ? Record{What::nap, 1, 1'000'000'000} : Record{What::add_one, 0, i - 1};
      },
      [&](const Record& record) {
        if (record.id != 0) return;
        sum += record.value;
        if (++done == arguments.n) ms = ms_since(start);
      });
  std::printf("{\"ms\": %.4f, \"n\": %lld, \"checksum\": %lld}\n", ms, static_cast<long long>(arguments.n),
              static_cast<long long>(sum));
}

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
