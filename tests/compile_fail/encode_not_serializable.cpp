// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/codec.hpp>

#include <thread>

void encode(procpool::detail::ByteBuffer& out, const std::thread& thread) {
  procpool::detail::encode(out, thread);
}
