// SPDX-License-Identifier: MIT
// ZeroMQ as one peer: tasks are pushed to forked workers over local sockets, answers are pulled. It deals the
// tasks in turn, whatever the workers do, and what a dead worker had is gone.
#include "peers/rig.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <zmq.h>

namespace {

using peers::check;
using peers::Record;
using peers::What;

class Context {
 public:
  Context() : context_(::zmq_ctx_new()) { check(context_ != nullptr, "zmq_ctx_new"); }
  ~Context() { ::zmq_ctx_term(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  [[nodiscard]] void* get() const noexcept { return context_; }

 private:
  void* context_;
};

class Socket {
 public:
  Socket(const Context& context, int type) : socket_(::zmq_socket(context.get(), type)) {
    check(socket_ != nullptr, "zmq_socket");
    const int no_linger = 0;
    ::zmq_setsockopt(socket_, ZMQ_LINGER, &no_linger, sizeof no_linger);
  }
  ~Socket() { ::zmq_close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void bind(const std::string& address) { check(::zmq_bind(socket_, address.c_str()) == 0, "zmq_bind"); }
  void connect(const std::string& address) {
    check(::zmq_connect(socket_, address.c_str()) == 0, "zmq_connect");
  }
  void send(std::span<const std::byte> bytes) {
    check(::zmq_send(socket_, bytes.data(), bytes.size(), 0) >= 0, "zmq_send");
  }
  void send(const Record& record) { send(std::as_bytes(std::span(&record, 1))); }
  [[nodiscard]] bool try_send(const Record& record) {
    return ::zmq_send(socket_, &record, sizeof record, ZMQ_DONTWAIT) >= 0;
  }
  std::size_t receive(std::span<std::byte> bytes) {
    const int size = ::zmq_recv(socket_, bytes.data(), bytes.size(), 0);
    check(size >= 0, "zmq_recv");
    return static_cast<std::size_t>(size);
  }
  void receive(Record& record) { receive(std::as_writable_bytes(std::span(&record, 1))); }
  [[nodiscard]] bool try_receive(Record& record) {
    return ::zmq_recv(socket_, &record, sizeof record, ZMQ_DONTWAIT) >= 0;
  }
  [[nodiscard]] void* get() const noexcept { return socket_; }

 private:
  void* socket_;
};

/// A folder for the local sockets, of which nothing is left.
class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::temp_directory_path() / "procpool-bench-XXXXXX").string();
    check(::mkdtemp(path.data()) != nullptr, "mkdtemp");
    path_ = path;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string address(const char* name) const { return "ipc://" + (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

class ZeroMqPeer {
 public:
  ZeroMqPeer(std::size_t workers, std::size_t) {
    int bound[2];  // closed once the host's sockets are there
    check(::pipe(bound) == 0, "pipe");
    for (std::size_t i = 0; i < workers; ++i) {
      workers_.emplace_back([this, &bound, i] {
        ::close(bound[1]);
        char none = 0;
        check(::read(bound[0], &none, 1) == 0, "read");
        work(static_cast<std::uint32_t>(i));
      });
    }
    host_ = std::make_unique<Host>();
    host_->answers.bind(folder_.address("answers"));
    host_->tasks.bind(folder_.address("tasks"));
    ::close(bound[0]);
    ::close(bound[1]);
    // Who has not connected yet gets nothing.
    for (std::set<std::uint32_t> seen; seen.size() < workers;)
      seen.insert(call({What::add_one, ask_who, 0}).id);
  }
  ~ZeroMqPeer() {
    for (peers::Child& worker : workers_) worker.kill();
  }

  Record call(Record record) {
    host_->tasks.send(record);
    host_->answers.receive(record);
    return record;
  }

  template <class Source, class Sink>
  void stream(std::int64_t n, Source source, Sink sink) {
    std::int64_t sent = 0;
    std::int64_t got = 0;
    Record answer;
    while (got < n) {
      bool moved = false;
      for (int i = 0; i < 64 && sent < n && host_->tasks.try_send(source(sent)); ++i, ++sent) moved = true;
      for (; got < n && host_->answers.try_receive(answer); ++got, moved = true) sink(answer);
      if (moved) continue;
      zmq_pollitem_t items[2] = {{host_->answers.get(), 0, ZMQ_POLLIN, 0},
                                 {host_->tasks.get(), 0, ZMQ_POLLOUT, 0}};
      ::zmq_poll(items, sent < n ? 2 : 1, -1);
    }
  }

  void echo(std::span<const std::byte> sent, std::span<std::byte> got) {
    host_->tasks.send(sent);
    host_->answers.receive(got);
  }

 private:
  static constexpr std::uint32_t ask_who = 0x80000000;

  struct Host {
    Context context;
    Socket tasks{context, ZMQ_PUSH};
    Socket answers{context, ZMQ_PULL};
  };

  void work(std::uint32_t number) const {
    const Context context;
    Socket tasks(context, ZMQ_PULL);
    Socket answers(context, ZMQ_PUSH);
    tasks.connect(folder_.address("tasks"));
    answers.connect(folder_.address("answers"));
    // Not touched before it is used.
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(peers::payload_size);
    const std::span bytes(memory.get(), peers::payload_size);
    for (;;) {
      const std::size_t size = tasks.receive(bytes);
      if (size == sizeof(Record)) {
        Record record;
        std::memcpy(&record, bytes.data(), sizeof record);
        peers::execute(record);
        if (record.id == ask_who) record.id = number;
        answers.send(record);
      } else {
        answers.send(bytes.first(size));
      }
    }
  }

  Folder folder_;
  std::vector<peers::Child> workers_;
  std::unique_ptr<Host> host_;
};

}  // namespace

int main(int argc, char** argv) {
  int major = 0;
  int minor = 0;
  int patch = 0;
  ::zmq_version(&major, &minor, &patch);
  const std::string version =
      "libzmq " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  return peers::run<ZeroMqPeer>(argc, argv, version.c_str());
}
