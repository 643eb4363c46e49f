// SPDX-License-Identifier: MIT
// The two ends of a channel on two threads: nothing is run twice or lost, and nobody sleeps on work.
#include "helpers/random.hpp"
#include "helpers/sanitizers.hpp"
#include "unit/channel_pair.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {
namespace {

using namespace detail;

void pause(Random& random, std::uint32_t most) {
  for (std::uint32_t i = most == 0 ? 0 : random.below(most); i != 0; --i) cpu_relax();
}

/// The host's side of a series of jobs, each of which goes out, may be taken back, and is answered.
class Host {
 public:
  struct Habits {
    std::uint32_t depth = 16;        ///< jobs out at once
    std::uint32_t take_back_of = 0;  ///< takes some back in one of so many turns
    std::uint32_t pause = 0;         ///< between turns, at most
    bool any_aim = false;            ///< wants to be rung at any number of results, not after all
    std::uint32_t pack = 1;          ///< jobs in one message, at most
    std::uint32_t salvage_of = 0;    ///< holds the worker and salvages in one of so many turns
  };

  Host(ChannelPair& pair, const Habits& habits, std::uint32_t seed)
      : pair_(pair), habits_(habits), random_(seed) {}

  /// `fill` makes a job's message, `check` looks at its answer. False if something was wrong or a ring was
  /// lost.
  template <class Fill, class Check>
  bool run(JobId jobs, Fill fill, Check check) {
    const JobId last = next_ + jobs;
    while (next_ < last || !waiting_.empty() || !out_.empty()) {
      HostChannel& host = pair_.host;
      host.note_signals();
      if (host.streaming()) host.pump();
      bool moved = false;
      const auto take_answer = [&] {
        moved = true;
        if (answer_.kind == ResultKind::values) return take_values(check);
        return answer_.kind == ResultKind::pack ? take_pack(check) : take_one(check, answer_);
      };
      while (host.receive(answer_)) {
        if (!take_answer()) return false;
      }
      if (habits_.salvage_of != 0 && random_() % habits_.salvage_of == 0) {
        host.hold(true);
        while (host.receive(answer_)) {
          if (!take_answer()) return false;
        }
        if (host.salvage(answer_)) {
          ++salvages_;
          if (!take_answer()) return false;
        }
        host.hold(false);
      }
      if (moved) host.release();
      if (host.violation() != nullptr) return false;
      moved = send(last, fill) || moved;
      if (habits_.take_back_of != 0 && random_() % habits_.take_back_of == 0) {
        for (std::uint32_t count = host.take_back(1 + random_() % habits_.depth); count != 0; --count) {
          waiting_.push_front(out_.back());
          out_.pop_back();
          ++taken_back_;
        }
        moved = true;
      }
      pause(random_, habits_.pause);
      if (!moved && !sleep()) return false;
    }
    return true;
  }
  [[nodiscard]] std::uint64_t taken_back() const { return taken_back_; }
  [[nodiscard]] std::uint64_t salvages() const { return salvages_; }

 private:
  template <class Check>
  bool take_one(Check& check, const Answer& answer) {
    if (out_.empty() || !check(out_.front(), answer)) return false;
    out_.pop_front();
    return true;
  }
  template <class Check>
  bool take_pack(Check& check) {
    std::span<const std::byte> left = answer_.bytes.view();
    for (std::uint32_t i = 0; i < answer_.count; ++i) {
      std::uint32_t length = 0;
      std::memcpy(&length, left.data() + sizeof(ResultKind), sizeof length);
      Answer one;
      one.bytes.append(left.subspan(answer_header, length));
      if (!take_one(check, one)) return false;
      left = left.subspan(answer_header + length);
    }
    return left.empty();
  }
  template <class Check>
  bool take_values(Check& check) {
    if (answer_.count == 0) return true;
    const std::size_t size = answer_.bytes.size() / answer_.count;
    for (std::uint32_t i = 0; i < answer_.count; ++i) {
      Answer one;
      one.bytes.append(answer_.bytes.view().subspan(i * size, size));
      if (!take_one(check, one)) return false;
    }
    return true;
  }
  template <class Fill>
  bool send(JobId last, Fill& fill) {
    bool sent = false;
    while (out_.size() < habits_.depth && (next_ < last || !waiting_.empty())) {
      Message message;
      message.id = waiting_.empty() ? next_ : waiting_.front();
      fill(message);
      if (habits_.pack > 1) make_pack(message, waiting_.empty() ? last - next_ : waiting_.size());
      if (!pair_.host.has_room(message)) break;
      pair_.host.stage(message);
      for (JobId id = message.id; id != message.id + message.count; ++id) {
        if (id == next_) {
          ++next_;
        } else {
          waiting_.pop_front();
        }
        out_.push_back(id);
      }
      sent = true;
    }
    if (sent) pair_.host.commit();
    return sent;
  }

  /// Of up to `most` jobs, whose ids follow each other: with those as arguments, or with none.
  void make_pack(Message& message, JobId most) {
    static const std::vector<std::byte> lengths(4 * most_in_pack);
    const JobId wanted = std::min<JobId>(1 + random_() % habits_.pack, most);
    for (message.count = 1; message.count < wanted; ++message.count) {
      if (!waiting_.empty() && waiting_[message.count] != message.id + message.count) break;
    }
    message.pack = message.count > 1;
    message.even = message.pack && random_() % 2 == 0;
    if (message.even) {
      ids_.clear();
      for (JobId id = message.id; id != message.id + message.count; ++id) ids_.push_back(id);
      message.arguments = std::as_bytes(std::span(ids_));
    } else if (message.pack) {
      message.arguments = std::span(lengths).first(4 * std::size_t{message.count});
    }
  }

  /// As the Dispatcher does: say what to be rung for, look again, sleep.
  bool sleep() {
    const auto out = static_cast<std::uint32_t>(out_.size());
    const std::uint32_t results = habits_.pack > 1 ? 1 : out;
    pair_.host.aim(habits_.any_aim && results > 1 ? 1 + random_() % results : results);
    pair_.host.arm(random_() % 2 == 0 ? WakeWord::Who::loop : WakeWord::Who::leader, random_() % 2 == 0);
    return pair_.host.changed() || pair_.host_bell.wait(ChannelPair::patience);
  }

  ChannelPair& pair_;
  Habits habits_;
  Random random_;
  JobId next_ = 1;
  std::deque<JobId> waiting_;
  std::deque<JobId> out_;
  std::vector<JobId> ids_;  ///< of a pack
  Answer answer_;
  std::uint64_t taken_back_ = 0;
  std::uint64_t salvages_ = 0;
};

/// Runs a worker's loop on a thread: `work` gets each job and returns the bytes of its answer.
template <class Work>
class WorkerThread {
 public:
  WorkerThread(ChannelPair& pair, Work work)
      : pair_(pair), thread_([this, work]() mutable {
          ClaimedJob job;
          while (pair_.worker.next(job, no_idle)) {
            if (!answer(job, work(job))) break;
          }
        }) {}
  /// Also after the host has given up.
  ~WorkerThread() {
    pair_.host_gone = true;
    pair_.worker_bell.ring();
    thread_.join();
  }

 private:
  /// Long ones in two ways: as one piece, or as many that are made one after the other.
  bool answer(const ClaimedJob& job, std::span<const std::byte> bytes) {
    WorkerChannel& worker = pair_.worker;
    if (!worker.skip_arguments()) return false;
    if (bytes.size() <= longest_whole_message || job.id % 2 == 0) {
      return worker.publish(job, ResultKind::value, bytes);
    }
    if (!worker.publish_stream(job, bytes.size(), false)) return false;
    for (std::size_t piece = 1; !bytes.empty(); piece = piece * 7 % 200'003) {
      const std::span<const std::byte> next = bytes.first(std::min(piece, bytes.size()));
      if (!worker.write_stream(next)) return false;
      bytes = bytes.subspan(next.size());
    }
    return true;
  }

  ChannelPair& pair_;
  std::thread thread_;
};

/// Of what answers a job by its id: now and then one byte more.
std::size_t answer_length(JobId id) {
  return sizeof id + (id % 97 == 0 ? 1 : 0);
}

/// Runs jobs, of which some are taken back again and again, and looks whether each has run once.
Host expect_each_once(const Host::Habits& habits) {
  // A thread that gives way waits for a turn of all others where the CPUs are busy.
  const JobId jobs = under_sanitizer || habits.salvage_of != 0 ? 100'000 : unoptimized ? 300'000 : 1'000'000;
  ChannelPair pair({.max_message = ChannelPair::max_message, .longest_spin = std::chrono::microseconds(20)});
  std::vector<std::uint8_t> runs(static_cast<std::size_t>(jobs + 1));
  JobId id[2] = {};
  Host host(pair, habits, 1);
  {
    const WorkerThread worker(pair, [&, random = Random(2)](const ClaimedJob& job) mutable {
      JobId told = job.id;
      if (const auto arguments = job.arguments.whole(); !arguments.empty()) {
        std::memcpy(&told, arguments.data(), std::min(arguments.size(), sizeof told));
      }
      ++runs[static_cast<std::size_t>(told)];
      if (habits.salvage_of != 0) {
        pause(random, 30);
        // In the middle of a pack, where the host finds something to salvage also if both have one CPU.
        if (random.below(16) == 0) std::this_thread::yield();
      }
      id[0] = job.id;
      return as_bytes(id, answer_length(job.id));
    });
    const bool right = host.run(
        jobs, [](Message&) {},
        [](JobId expected, const Answer& answer) {
          std::uint64_t told = 0;
          if (answer.bytes.size() == answer_length(expected))
            std::memcpy(&told, answer.bytes.data(), sizeof told);
          return told == expected;
        });
    EXPECT_TRUE(right) << (pair.host.violation() != nullptr ? pair.host.violation()
                                                            : "an answer was wrong or late");
    EXPECT_GT(host.taken_back(), jobs / 100);
  }
  EXPECT_FALSE(pair.starved);
  EXPECT_EQ(std::count(runs.begin() + 1, runs.end(), 1), static_cast<std::ptrdiff_t>(jobs));
  return host;
}

TEST(ChannelThreads, AJobIsRunOrTakenBackAndNeverBoth) {
  expect_each_once({.depth = 24, .take_back_of = 3});
}

TEST(ChannelThreads, AJobOfAPackIsRunOrTakenBackAndNeverBoth) {
  expect_each_once({.depth = 200, .take_back_of = 3, .pack = 50});
}

TEST(ChannelThreads, WhatIsSalvagedIsAnsweredOnce) {
  const Host host = expect_each_once({.depth = 200, .take_back_of = 7, .pack = 100, .salvage_of = 1});
  EXPECT_GT(host.salvages(), 0U);
}

TEST(ChannelThreads, NeitherSideSleepsOnWork) {
  // Nothing here looks again by itself: a lost wake-up stays lost, and is seen by the patience of the bells.
  const TimePoint end = Clock::now() + std::chrono::seconds(3);
  std::uint32_t seed = 0;
  while (Clock::now() < end) {
    ++seed;
    ChannelPair pair({.max_message = ChannelPair::max_message,
                      .longest_spin = std::chrono::microseconds(seed % 3 == 0 ? 10 : 0)});
    const WorkerThread worker(pair, [random = Random(seed + 1), seed](const ClaimedJob&) mutable {
      pause(random, seed % 5 * 300);
      return std::span<const std::byte>();
    });
    Host host(pair,
              {.depth = 1 + seed % 4,
               .take_back_of = seed % 2 * 5,
               .pause = seed % 7 * 200,
               .any_aim = seed % 4 < 2},
              seed);
    const auto any_answer = [](JobId, const Answer&) { return true; };
    ASSERT_TRUE(host.run(
        under_sanitizer ? 500 : 5000, [](Message&) {}, any_answer))
        << "seed " << seed;
    ASSERT_FALSE(pair.starved) << "seed " << seed;
  }
}

/// Bytes that follow from the job, so that both sides know them.
std::span<const std::byte> bytes_of(JobId job, std::size_t size) {
  static const std::vector<std::byte> noise = [] {
    std::vector<std::byte> made(std::size_t{6} << 20);
    Random random(7);
    for (std::byte& byte : made) byte = static_cast<std::byte>(random() >> 8);
    return made;
  }();
  return std::span(noise).subspan(job * 131 % 4096, size);
}

/// Reads the job's arguments in one piece; in many; or half of them, and leaves the rest.
bool arrives(const ClaimedJob& job, std::span<const std::byte> expected) {
  ArgumentStream* const stream = job.arguments.stream();
  if (stream == nullptr || job.id % 3 == 0) return same(job.arguments.whole(), expected);
  if (stream->left() != expected.size()) return false;
  if (job.id % 3 == 1) expected = expected.first(expected.size() / 2);
  std::vector<std::byte> bytes;
  for (std::size_t piece = 1; !expected.empty(); piece = piece * 5 % 200'003) {
    bytes.resize(std::min(piece, expected.size()));
    stream->read(bytes.data(), bytes.size());
    if (!same(bytes, expected.first(bytes.size()))) return false;
    expected = expected.subspan(bytes.size());
  }
  return true;
}

void expect_stream(const std::vector<std::size_t>& sizes, const Host::Habits& habits, std::uint32_t seed) {
  ChannelPair pair(
      {.max_message = ChannelPair::max_message, .longest_spin = std::chrono::microseconds(seed % 2 * 10)});
  std::atomic<int> wrong{0};
  {
    const WorkerThread worker(pair, [&](const ClaimedJob& job) {
      const std::size_t size = sizes[static_cast<std::size_t>((job.id - 1) % sizes.size())];
      if (!arrives(job, bytes_of(job.id, size))) ++wrong;
      // An answer of another size than the question.
      return bytes_of(job.id, sizes[static_cast<std::size_t>(job.id % sizes.size())]);
    });
    Host host(pair, habits, seed);
    const bool right = host.run(
        sizes.size(),
        [&](Message& message) {
          message.arguments =
              bytes_of(message.id, sizes[static_cast<std::size_t>((message.id - 1) % sizes.size())]);
        },
        [&](JobId id, const Answer& answer) {
          return same(answer.bytes.view(), bytes_of(id, sizes[static_cast<std::size_t>(id % sizes.size())]));
        });
    EXPECT_TRUE(right) << (pair.host.violation() != nullptr ? pair.host.violation()
                                                            : "an answer was wrong or late");
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_FALSE(pair.starved);
}

TEST(ChannelThreads, MessagesOfEverySizeAroundTheLimitsArriveWholeBothWays) {
  std::vector<std::size_t> sizes;
  for (const std::size_t limit : {inline_bytes, longest_whole_message, byte_ring_size, stream_piece,
                                  2 * byte_ring_size, std::size_t{1}}) {
    for (const std::size_t size : {limit - 1, limit, limit + 1}) sizes.push_back(size);
  }
  Random random(3);
  for (std::uint32_t round = 0; round < (under_sanitizer ? 4U : 12U); ++round) {
    std::shuffle(sizes.begin(), sizes.end(), random);
    expect_stream(sizes, {.depth = 1 + round % 4}, round);
    if (::testing::Test::HasFailure()) break;
  }
}

TEST(ChannelThreads, StreamsThatAreTakenBackAndSentAgainArriveWhole) {
  std::vector<std::size_t> sizes;
  Random random(4);
  for (int i = 0; i < (under_sanitizer ? 60 : 400); ++i) {
    constexpr std::size_t some[] = {10, 5000, 300'000, 700'000, 1'500'000};
    sizes.push_back(some[random() % std::size(some)] + random() % 100);
  }
  expect_stream(sizes, {.depth = 6, .take_back_of = 2}, 1);
  expect_stream(sizes, {.depth = 3, .take_back_of = 3, .pause = 500}, 2);
}

}  // namespace
}  // namespace procpool::testing
