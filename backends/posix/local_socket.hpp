// SPDX-License-Identifier: MIT
/// \file
/// Sockets and pipes between processes of one pool: stream pairs of AF_UNIX, close-on-exec, silent when the
/// peer is gone (EPIPE, no SIGPIPE).
#pragma once

#include "posix/unique_fd.hpp"

#include <cstdint>

namespace procpool::posix {

/// Descriptors of procpool's are made at or above this number: so 0 to 2 are never among them, and those
/// below can be given to a program that is executed.
inline constexpr int lowest_fd = 10;

/// The same open file at or above lowest_fd, close-on-exec; empty with errno set if there is no room.
[[nodiscard]] UniqueFd raise_fd(UniqueFd fd) noexcept;

struct FdPair {
  UniqueFd first;
  UniqueFd second;
};

/// Both at or above lowest_fd. Blocking, but where send() does not heed MSG_DONTWAIT. Empty with errno set on
/// failure. (socket_pair_*.cpp)
[[nodiscard]] FdPair make_socket_pair() noexcept;
/// The same for a pipe, nonblocking at both ends: `first` is the reading one.
[[nodiscard]] FdPair make_pipe() noexcept;

/// Flags for send() and recvmsg() on these sockets, beside MSG_DONTWAIT.
extern const int send_flags;
extern const int receive_flags;

/// True where a descriptor that was sent must stay open here until the receiver has it. (socket_pair_*.cpp)
extern const bool sent_descriptors_stay_open;

enum class Drained : std::uint8_t { nothing, rung, peer_gone };

/// So many reads at most empty a doorbell or a bell: who rings for ever does not keep its reader.
inline constexpr int longest_drain = 64;

/// A doorbell is a socket that carries bytes without a meaning.
void ring_doorbell(int fd) noexcept;
/// Takes what is there without waiting.
[[nodiscard]] Drained drain_doorbell(int fd) noexcept;

}  // namespace procpool::posix
