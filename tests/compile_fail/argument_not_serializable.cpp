// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

struct Socket {
  int descriptor;
};
void use(Socket socket);

procpool::BoundTask bound() {
  return procpool::task(use, Socket{3});
}
