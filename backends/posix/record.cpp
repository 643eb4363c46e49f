// SPDX-License-Identifier: MIT
#include "posix/record.hpp"

#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"
#include "posix/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace procpool::posix {

ssize_t send_record(int fd, const Record& record, std::size_t offset,
                    std::span<const int> descriptors) noexcept {
  Record copy = record;
  iovec bytes{reinterpret_cast<char*>(&copy) + offset, sizeof copy - offset};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)] = {};
  if (!descriptors.empty() && offset == 0) {
    const std::size_t size = descriptors.size_bytes();
    message.msg_control = control;
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(size));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(size));
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  for (;;) {
    const ssize_t count = ::sendmsg(fd, &message, MSG_DONTWAIT | send_flags);
    if (count >= 0 || errno != EINTR) return count;
  }
}

std::error_code send_whole_record(int fd, const Record& record, std::span<const int> descriptors,
                                  std::chrono::milliseconds patience) noexcept {
  const Deadline deadline(patience);
  std::size_t sent = 0;
  for (;;) {
    const ssize_t count = send_record(fd, record, sent, descriptors);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      if (sent == sizeof record) return {};
      continue;
    }
    // ETOOMANYREFS: as many descriptors are under way as the user may have open (unix(7)); ENOBUFS is
    // macOS's.
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
    if (!full && errno != ETOOMANYREFS && errno != ENOBUFS) return last_error();
    const int error = full ? ETIMEDOUT : errno;
    if (deadline.passed()) {
      if (sent > 0) ::shutdown(fd, SHUT_RDWR);
      return to_error_code(error);
    }
    if (full) {
      wait_for(fd, POLLOUT, deadline);
    } else {
      wait_for(-1, 0, Deadline(std::chrono::milliseconds(1)));
    }
  }
}

RecordReader::Outcome RecordReader::read(int fd, ReceivedRecord& received) noexcept {
  for (;;) {
    iovec bytes{reinterpret_cast<char*>(&partial_.record) + have_, sizeof(Record) - have_};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t count = ::recvmsg(fd, &message, MSG_DONTWAIT | receive_flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Outcome::nothing;
    if (count < 0 && errno == EMSGSIZE && !partial_.descriptors_lost) {
      // How macOS says that there is no room for the descriptors, instead of by MSG_CTRUNC: it has thrown
      // them away, and the bytes can be read now.
      partial_.descriptors_lost = true;
      continue;
    }
    if (count <= 0) return Outcome::end;

    if ((message.msg_flags & MSG_CTRUNC) != 0) partial_.descriptors_lost = true;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);  // the only one: these sockets ask for nothing else
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      const std::size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < number && i < most_descriptors; ++i) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
        partial_.descriptors[i] = raise_fd(UniqueFd(descriptor));
        if (!partial_.descriptors[i]) partial_.descriptors_lost = true;
      }
    }
    have_ += static_cast<std::size_t>(count);
    if (have_ < sizeof(Record)) continue;
    have_ = 0;
    received = std::exchange(partial_, {});
    return Outcome::record;
  }
}

void RecordQueue::push(const Record& record, UniqueFd descriptor) {
  waiting_.push_back({record, std::move(descriptor), 0});
}

bool RecordQueue::flush(int fd) noexcept {
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    const int descriptor = first.descriptor.get();
    const auto count =
        send_record(fd, first.record, first.sent, std::span(&descriptor, first.descriptor ? 1U : 0U));
    if (count < 0) {
      // ETOOMANYREFS comes with descriptors only: this one is a convenience, and the record must not wait for
      // it.
      if (errno != ETOOMANYREFS) return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
      first.descriptor.reset();
      continue;
    }
    first.sent += static_cast<std::size_t>(count);
    if (first.sent == sizeof(Record)) waiting_.pop_front();
  }
  return true;
}

}  // namespace procpool::posix
