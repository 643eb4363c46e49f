// SPDX-License-Identifier: MIT
// Boost.Interprocess as one peer: one message_queue of tasks and one of answers, which forked workers share.
// A worker that dies with the queue's lock stops everybody.
#include "peers/rig.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>

namespace {

namespace interprocess = boost::interprocess;
using peers::Record;
using peers::What;

/// A queue by a name of its own, which is removed with it.
class Queue {
 public:
  Queue(const char* what, std::size_t messages, std::size_t longest)
      : name_("procpool-bench-" + std::to_string(::getpid()) + "-" + what),
        longest_(longest),
        queue_(interprocess::create_only, name_.c_str(), messages, longest) {}
  ~Queue() { interprocess::message_queue::remove(name_.c_str()); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void send(const void* bytes, std::size_t size) { queue_.send(bytes, size, 0); }
  [[nodiscard]] bool try_send(const Record& record) { return queue_.try_send(&record, sizeof record, 0); }
  std::size_t receive(void* bytes) {
    interprocess::message_queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(bytes, longest_, size, priority);
    return size;
  }
  [[nodiscard]] bool try_receive(Record& record) {
    interprocess::message_queue::size_type size = 0;
    unsigned priority = 0;
    return queue_.try_receive(&record, longest_, size, priority);
  }

 private:
  std::string name_;
  std::size_t longest_;
  interprocess::message_queue queue_;
};

class BoostQueuePeer {
 public:
  /// The window is of no use: a worker that is busy takes nothing out of a queue that all share.
  BoostQueuePeer(std::size_t workers, std::size_t)
      : tasks_("tasks", peers::deep_window, sizeof(Record)),
        answers_("answers", peers::deep_window, sizeof(Record)) {
    for (std::size_t i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  }
  ~BoostQueuePeer() {
    const Record end{What::end};
    for (std::size_t i = 0; i < workers_.size(); ++i) tasks_.send(&end, sizeof end);
    for (peers::Child& worker : workers_) worker.wait();
  }

  Record call(Record record) {
    tasks_.send(&record, sizeof record);
    answers_.receive(&record);
    return record;
  }

  template <class Source, class Sink>
  void stream(std::int64_t n, Source source, Sink sink) {
    std::int64_t sent = 0;
    std::int64_t got = 0;
    Record answer;
    while (got < n) {
      bool moved = false;
      for (; sent < n && tasks_.try_send(source(sent)); ++sent) moved = true;
      for (; got < n && answers_.try_receive(answer); ++got, moved = true) sink(answer);
      if (moved) continue;
      answers_.receive(&answer);
      sink(answer);
      ++got;
    }
  }

  void echo(std::span<const std::byte> sent, std::span<std::byte> got) {
    if (!large_) large_ = std::make_unique<LargeQueues>();
    large_->tasks.send(sent.data(), sent.size());
    large_->answers.receive(got.data());
  }

 private:
  /// Queues have room for messages of one size alone, so long ones have a pair, and a worker, of their own.
  struct LargeQueues {
    Queue tasks{"large-tasks", 2, peers::payload_size};
    Queue answers{"large-answers", 2, peers::payload_size};
    peers::Child worker{[this] {
      std::vector<std::byte> bytes(peers::payload_size);
      for (;;) answers.send(bytes.data(), tasks.receive(bytes.data()));
    }};
  };

  void work() {
    for (Record record;;) {
      tasks_.receive(&record);
      if (record.what == What::end) return;
      peers::execute(record);
      answers_.send(&record, sizeof record);
    }
  }

  Queue tasks_;
  Queue answers_;
  std::vector<peers::Child> workers_;
  std::unique_ptr<LargeQueues> large_;
};

}  // namespace

int main(int argc, char** argv) {
  return peers::run<BoostQueuePeer>(argc, argv, "Boost " BOOST_LIB_VERSION);
}
