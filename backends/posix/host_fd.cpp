// SPDX-License-Identifier: MIT
#include "posix/host_fd.hpp"

#include "loop/standard_descriptors.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include <fcntl.h>
#include <pthread.h>

namespace procpool::posix {

namespace {

/// All HostFd of the process. Never destroyed: owners with static storage may outlive any order of
/// destruction.
struct Registry {
  std::mutex mutex;
  std::vector<int> fds;  ///< guarded by mutex

  static Registry& instance() {
    static Registry& registry = *make();
    return registry;
  }

  static Registry* make();
  void lock() noexcept;
  void unlock() noexcept;
  static void after_fork_in_child() noexcept;

  void remove(int fd) noexcept {
    const auto found = std::find(fds.begin(), fds.end(), fd);
    if (found == fds.end()) return;
    *found = fds.back();
    fds.pop_back();
  }
};

/// How often this thread holds the registry. A recursive mutex would not do: the thread of a forked child is
/// not its owner any more, and could not unlock it.
thread_local int holds = 0;

/// Set in the thread that forks a launcher: what the child keeps.
thread_local const std::span<const int>* kept_by_own_child = nullptr;

void Registry::lock() noexcept {
  if (holds++ == 0) mutex.lock();
}

void Registry::unlock() noexcept {
  if (--holds == 0) mutex.unlock();
}

Registry* Registry::make() {
  auto registry = new Registry;
  const int error =
      pthread_atfork([] { instance().lock(); }, [] { instance().unlock(); }, &Registry::after_fork_in_child);
  if (error != 0) {
    delete registry;
    throw std::bad_alloc();
  }
  return registry;
}

/// Does only what is async-signal-safe: other threads of the host may have held any lock.
void Registry::after_fork_in_child() noexcept {
  Registry& registry = instance();
  if (kept_by_own_child != nullptr) {
    for (const int fd : registry.fds) {
      if (std::find(kept_by_own_child->begin(), kept_by_own_child->end(), fd) == kept_by_own_child->end()) {
        ::close(fd);
      }
    }
    registry.fds.clear();
  } else if (!registry.fds.empty()) {
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : registry.fds) {
      // A kqueue is not there in a child (macOS): its number was free, and this may be it.
      if (fd == null.get()) {
        static_cast<void>(null.release());
        null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
        continue;
      }
      if (!null || ::dup2(null.get(), fd) < 0) {
        ::close(fd);
      } else {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      }
    }
  }
  registry.unlock();
}

}  // namespace

ForksHeld::ForksHeld() {
  Registry::instance().lock();
}

ForksHeld::~ForksHeld() {
  Registry::instance().unlock();
}

HostFd::HostFd(UniqueFd fd, const ForksHeld& /*proof*/) {
  if (!fd) return;
  Registry::instance().fds.push_back(fd.get());
  fd_ = fd.release();
}

void HostFd::reset() noexcept {
  if (fd_ < 0) return;
  const ForksHeld held;
  Registry::instance().remove(fd_);
  ::close(fd_);
  fd_ = -1;
}

pid_t fork_without_host_fds(std::span<const int> keep) noexcept {
  kept_by_own_child = &keep;
  const detail::StandardDescriptorsTaken taken;  // libuv opens a pipe of its own in the child
  const pid_t pid = ::fork();
  kept_by_own_child = nullptr;
  return pid;
}

}  // namespace procpool::posix
