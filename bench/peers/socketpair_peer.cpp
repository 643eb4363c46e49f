// SPDX-License-Identifier: MIT
// The limit of what the kernel's cheapest two-way stream allows: a forked child at the other end of a
// socketpair, for each worker. No queue, no handles, no types; a child that dies is seen as an end of file.
#include "peers/rig.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace {

using peers::check;
using peers::Record;
using peers::What;
using namespace std::chrono_literals;

class Stream {
 public:
  explicit Stream(int fd) noexcept : fd_(fd) {}
  Stream(Stream&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream() { close(); }

  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  void write(const void* bytes, std::size_t size) const {
    for (const char* at = static_cast<const char*>(bytes); size != 0;) {
      const ssize_t wrote = ::write(fd_, at, size);
      check(wrote > 0, "write");
      at += wrote;
      size -= static_cast<std::size_t>(wrote);
    }
  }
  /// False at the end of the file.
  [[nodiscard]] bool read(void* bytes, std::size_t size) const {
    for (char* at = static_cast<char*>(bytes); size != 0;) {
      const ssize_t got = ::read(fd_, at, size);
      if (got <= 0) return false;
      at += got;
      size -= static_cast<std::size_t>(got);
    }
    return true;
  }
  /// As many records as there are, at least one; 0 at the end of the file.
  [[nodiscard]] std::size_t read_some(std::span<Record> records) const {
    const ssize_t got = ::read(fd_, records.data(), records.size_bytes());
    if (got <= 0) return 0;
    const std::size_t part = static_cast<std::size_t>(got) % sizeof(Record);
    const std::size_t whole = static_cast<std::size_t>(got) / sizeof(Record);
    if (part == 0) return whole;
    auto* const last = reinterpret_cast<char*>(records.data() + whole) + part;
    return read(last, sizeof(Record) - part) ? whole + 1 : 0;
  }

 private:
  int fd_;
};

constexpr std::size_t batch = 512;

struct Worker {
  Stream stream;
  peers::Child child;
  std::size_t out = 0;  ///< records that it has not answered
};

void serve(const Stream& stream) {
  Record records[batch];
  while (const std::size_t count = stream.read_some(records)) {
    for (Record& record : std::span(records).first(count)) peers::execute(record);
    stream.write(records, count * sizeof(Record));
  }
}

void echo_back(const Stream& stream) {
  std::vector<std::byte> bytes(peers::payload_size);
  while (stream.read(bytes.data(), bytes.size())) stream.write(bytes.data(), bytes.size());
}

template <class Serve>
std::unique_ptr<Worker> start(Serve serve) {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  Stream ours(ends[0]);
  Stream theirs(ends[1]);
  const int size = 1 << 20;
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  peers::Child child([&] {
    ours.close();
    serve(theirs);
  });
  return std::make_unique<Worker>(Worker{std::move(ours), std::move(child)});
}

class SocketpairPeer {
 public:
  SocketpairPeer(std::size_t workers, std::size_t window) : window_(std::min(window, batch)) {
    for (std::size_t i = 0; i < workers; ++i) workers_.push_back(start(serve));
    for (std::size_t i = 0; i < workers; ++i) call(i, {});
  }
  ~SocketpairPeer() {
    for (const auto& worker : workers_) worker->stream.close();
    if (large_) large_->stream.close();
    for (const auto& worker : workers_) worker->child.wait();
    if (large_) large_->child.wait();
  }

  Record call(Record record) { return call(0, record); }

  template <class Source, class Sink>
  void stream(std::int64_t n, Source source, Sink sink) {
    std::int64_t sent = 0;
    std::int64_t got = 0;
    std::vector<pollfd> polls;
    for (const auto& worker : workers_) polls.push_back({worker->stream.fd(), POLLIN, 0});
    Record records[batch];
    while (got < n) {
      for (const auto& worker : workers_) {
        std::size_t count = 0;
        if (worker->out > window_ / 2) continue;
        for (; worker->out < window_ && sent < n; ++sent, ++worker->out) records[count++] = source(sent);
        worker->stream.write(records, count * sizeof(Record));
      }
      check(::poll(polls.data(), static_cast<nfds_t>(polls.size()), -1) > 0, "poll");
      for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (polls[i].revents == 0) continue;
        const std::size_t count = workers_[i]->stream.read_some(records);
        check(count != 0, "a worker has ended");
        for (const Record& record : std::span(records).first(count)) sink(record);
        workers_[i]->out -= count;
        got += static_cast<std::int64_t>(count);
      }
    }
  }

  /// Both sides copy at once, as far as the socket's buffer goes.
  void echo(std::span<const std::byte> sent, std::span<std::byte> got) {
    if (!large_) large_ = start(echo_back);
    large_->stream.write(sent.data(), sent.size());
    check(large_->stream.read(got.data(), got.size()), "echo");
  }

  /// Kills the first worker, until its end of file is seen.
  void lose_one() {
    workers_.front()->child.kill();
    Record none;
    if (workers_.front()->stream.read(&none, sizeof none)) throw std::logic_error("a dead worker answered");
  }
  /// In place of the one that was lost, until it has answered.
  void replace_lost() {
    workers_.front() = start(serve);
    if (call({What::add_one, 0, 41}).value != 42) throw std::logic_error("a wrong result");
  }

 private:
  Record call(std::size_t worker, Record record) {
    workers_[worker]->stream.write(&record, sizeof record);
    check(workers_[worker]->stream.read(&record, sizeof record), "read");
    return record;
  }

  std::size_t window_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Worker> large_;
};

bool supervise(const peers::Arguments& arguments) {
  const bool limited = arguments.workload == "hard_timeout";
  if (!limited && arguments.workload != "crash_recovery") return false;
  SocketpairPeer peer(arguments.workers, 1);
  const auto begin = peers::Clock::now() + (limited ? 1000ms : 0ms);
  std::this_thread::sleep_until(begin);
  peer.lose_one();
  const double told = peers::ms_since(begin);
  const auto next = peers::Clock::now();
  peer.replace_lost();
  std::printf("{\"%s\": %.4f, \"told\": \"end of file\", \"next_ms\": %.4f, \"checksum\": 42}\n",
              limited ? "overshoot_ms" : "told_ms", told, peers::ms_since(next));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  return peers::run<SocketpairPeer>(argc, argv, "socketpair", supervise);
}
