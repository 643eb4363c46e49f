// SPDX-License-Identifier: MIT
/// \file
/// Bells of POSIX systems: what is behind HostBell.
#pragma once

#include "posix/host_fd.hpp"

#include <procpool/process_backend.hpp>

#include <memory>

namespace procpool::posix {

/// A HostBell whose ringing end can be given to workers.
class DescriptorBell : public HostBell {
 public:
  /// For ring_bell(), in this process or another one. Owned by the bell.
  [[nodiscard]] virtual int ringing_end() const noexcept = 0;
};

/// Throws SpawnError. (host_bell_*.cpp)
[[nodiscard]] std::unique_ptr<DescriptorBell> make_host_bell();

/// Rings through the ringing end. Never blocks. (host_bell_*.cpp)
void ring_bell(int ringing_end) noexcept;

}  // namespace procpool::posix
