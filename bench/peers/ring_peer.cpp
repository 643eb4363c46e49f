// SPDX-License-Identifier: MIT
// The limit of what shared memory allows: for each worker one ring of records there and one back, each with
// one writer and one reader, and two rings of bytes for long contents. Nobody sleeps: who finds nothing looks
// again, so that it needs the CPUs for itself, and more than one of them.
#include "peers/rig.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/mman.h>

namespace {

using peers::Record;
using peers::What;

/// Looks until it is so. After a while it lets others have the CPU, between looks.
template <class Ready>
void until(Ready ready) {
  for (int looks = 0; !ready(); ++looks) {
    if (looks % 64 == 63) ::sched_yield();
  }
}

template <class T, std::size_t size>
class Ring {
 public:
  /// Writes as many as there is room for; returns how many.
  std::size_t write(std::span<const T> items) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t used = tail - head_.load(std::memory_order_acquire);
    const std::size_t at = tail % size;
    const std::size_t count = std::min({items.size(), static_cast<std::size_t>(size - used), size - at});
    if (count == 0) return 0;
    std::memcpy(items_ + at, items.data(), count * sizeof(T));
    tail_.store(tail + count, std::memory_order_release);
    return count;
  }
  /// Reads as many as there are and fit; returns how many.
  std::size_t read(std::span<T> items) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t there = tail_.load(std::memory_order_acquire) - head;
    const std::size_t at = head % size;
    const std::size_t count = std::min({items.size(), static_cast<std::size_t>(there), size - at});
    if (count == 0) return 0;
    std::memcpy(items.data(), items_ + at, count * sizeof(T));
    head_.store(head + count, std::memory_order_release);
    return count;
  }
  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) T items_[size];
};

constexpr std::size_t batch = 512;
constexpr std::size_t piece = std::size_t{64} << 10;

struct Rings {
  Ring<Record, 2 * peers::deep_window> tasks;
  Ring<Record, 2 * peers::deep_window> answers;
  Ring<std::byte, std::size_t{1} << 20> bytes_there;
  Ring<std::byte, std::size_t{1} << 20> bytes_back;
};

void serve(Rings& rings) {
  // Not touched before it is used.
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(peers::payload_size);
  const std::span bytes(memory.get(), peers::payload_size);
  std::size_t arrived = 0;
  Record records[batch];
  for (;;) {
    until([&] { return !rings.tasks.empty() || !rings.bytes_there.empty(); });
    const std::size_t count = rings.tasks.read(records);
    for (Record& record : std::span(records).first(count)) {
      if (record.what == What::end) return;
      peers::execute(record);
    }
    for (std::size_t done = 0; done < count;) {
      done += rings.answers.write(std::span<const Record>(records).subspan(done, count - done));
    }
    arrived += rings.bytes_there.read(bytes.subspan(arrived, std::min(piece, bytes.size() - arrived)));
    if (arrived != bytes.size()) continue;
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t left = std::min(piece, bytes.size() - done);
      until([&, was = done] {
        done += rings.bytes_back.write(bytes.subspan(done, left));
        return done != was;
      });
    }
    arrived = 0;
  }
}

/// Shared with the children that are forked later.
class SharedRings {
 public:
  SharedRings() {
    void* const memory =
        ::mmap(nullptr, sizeof(Rings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    peers::check(memory != MAP_FAILED, "mmap");
    rings_ = new (memory) Rings;
  }
  SharedRings(SharedRings&& other) noexcept : rings_(std::exchange(other.rings_, nullptr)) {}
  SharedRings& operator=(SharedRings&&) = delete;
  ~SharedRings() {
    if (rings_ != nullptr) ::munmap(rings_, sizeof(Rings));
  }
  [[nodiscard]] Rings& operator*() const noexcept { return *rings_; }
  [[nodiscard]] Rings* operator->() const noexcept { return rings_; }

 private:
  Rings* rings_;
};

class RingPeer {
 public:
  RingPeer(std::size_t workers, std::size_t window) : window_(window), rings_(workers), out_(workers) {
    for (std::size_t i = 0; i < workers; ++i) workers_.emplace_back([this, i] { serve(*rings_[i]); });
    for (std::size_t i = 0; i < workers; ++i) call(i, {});
  }
  ~RingPeer() {
    const Record end{What::end};
    for (SharedRings& rings : rings_) rings->tasks.write(std::span(&end, 1));
    for (peers::Child& worker : workers_) worker.wait();
  }

  Record call(Record record) { return call(0, record); }

  template <class Source, class Sink>
  void stream(std::int64_t n, Source source, Sink sink) {
    std::int64_t sent = 0;
    std::int64_t got = 0;
    Record records[batch];
    for (int turns = 0; got < n; ++turns) {
      bool moved = false;
      for (std::size_t i = 0; i < rings_.size(); ++i) {
        std::size_t count = 0;
        if (out_[i] <= window_ / 2) {
          for (; out_[i] < window_ && count < batch && sent < n; ++sent, ++out_[i])
            records[count++] = source(sent);
        }
        for (std::size_t done = 0; done < count;) {
          done += rings_[i]->tasks.write(std::span<const Record>(records).subspan(done, count - done));
        }
        moved = moved || count != 0;
        count = rings_[i]->answers.read(records);
        for (const Record& record : std::span(records).first(count)) sink(record);
        out_[i] -= count;
        got += static_cast<std::int64_t>(count);
        moved = moved || count != 0;
      }
      if (!moved && turns % 64 == 63) ::sched_yield();
    }
  }

  void echo(std::span<const std::byte> sent, std::span<std::byte> got) {
    std::size_t there = 0;
    std::size_t back = 0;
    until([&] {
      there += rings_[0]->bytes_there.write(sent.subspan(there, std::min(piece, sent.size() - there)));
      back += rings_[0]->bytes_back.read(got.subspan(back, std::min(piece, got.size() - back)));
      return back == got.size();
    });
  }

 private:
  Record call(std::size_t worker, Record record) {
    rings_[worker]->tasks.write(std::span<const Record>(&record, 1));
    until([&] { return rings_[worker]->answers.read(std::span(&record, 1)) == 1; });
    return record;
  }

  std::size_t window_;
  std::vector<SharedRings> rings_;
  std::vector<std::size_t> out_;  ///< records that a worker has not answered
  std::vector<peers::Child> workers_;
};

/// That this process may use; all there are where processes cannot be bound to some.
unsigned cpus() {
#ifdef CPU_COUNT
  cpu_set_t set;
  peers::check(::sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
  return static_cast<unsigned>(CPU_COUNT(&set));
#else
  return std::thread::hardware_concurrency();
#endif
}

}  // namespace

int main(int argc, char** argv) {
  return peers::run<RingPeer>(argc, argv, "ring", [](const peers::Arguments& arguments) {
    if (cpus() < 2) {
      peers::unsupported("nobody sleeps, so it takes more than one CPU");
      return true;
    }
    if (arguments.workload != "noop_map_auto") return false;
    peers::stream_no_ops<RingPeer>(arguments);  // it moves what is there at once: batches of up to 512
    return true;
  });
}
