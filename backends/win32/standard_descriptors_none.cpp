// SPDX-License-Identifier: MIT
// The loop has handles, which are not numbered like that.
#include "loop/standard_descriptors.hpp"

namespace procpool::detail {

StandardDescriptorsTaken::StandardDescriptorsTaken() noexcept = default;
StandardDescriptorsTaken::~StandardDescriptorsTaken() = default;

}  // namespace procpool::detail
