// SPDX-License-Identifier: MIT
/// \file
/// What a peer that is written in C++ (rig.hpp says what that is) is given to do. Each workload prints one
/// line of JSON, its figures; bench/README.md tells what they are.
#pragma once

#include "peers/measuring.hpp"
#include "peers/record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

namespace peers {

constexpr std::size_t deep_window = 1024;

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
  print_rate(start, arguments.n, sum);
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

template <class Peer>
void payload(const Arguments& arguments) {
  const std::vector<std::byte> sent[2] = {payload_of<std::byte>(0), payload_of<std::byte>(1)};
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

template <class Peer>
void startup_with_large_heap(const Arguments& arguments) {
  const auto heap = large_heap();
  startup<Peer>(arguments);
}

/// A worker has the next task at hand while it is busy with one.
template <class Peer>
void mixed(const Arguments& arguments) {
  const std::vector<std::int64_t> durations = durations_ns(arguments.n);
  Peer peer(arguments.workers, 2);
  std::int64_t sum = 0;
  const auto start = Clock::now();
  peer.stream(
      arguments.n,
      [&](std::int64_t i) {
        return Record{What::spin, static_cast<std::uint32_t>(i), durations[static_cast<std::size_t>(i)]};
      },
      [&](const Record& record) { sum += record.value; });
  print_rate(start, arguments.n, sum);
}

/// Says READY once every worker has run a task, and waits for a line while somebody measures.
template <class Peer>
void idle_memory(const Arguments& arguments) {
  Peer peer(arguments.workers, 1);
  std::set<std::int64_t> pids;
  while (pids.size() < arguments.workers) {
    peer.stream(
        static_cast<std::int64_t>(arguments.workers) * 16,
        [](std::int64_t) {
          return Record{What::tell_pid, 0, 0};
        },
        [&](const Record& record) { pids.insert(record.value); });
  }
  std::printf("READY {\"parent\": %d, \"workers\": [", static_cast<int>(::getpid()));
  const char* separator = "";
  for (const std::int64_t pid : pids) {
    std::printf("%s%lld", separator, static_cast<long long>(pid));
    separator = ", ";
  }
  std::printf("]}\n");
  std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);
  std::printf("{\"done\": true}\n");
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

}  // namespace peers
