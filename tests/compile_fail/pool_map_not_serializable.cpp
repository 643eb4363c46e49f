// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/pool.hpp>

#include <vector>

struct Socket {
  int descriptor;
};
int use(Socket socket);

std::vector<int> use_all(procpool::Pool& pool, const std::vector<Socket>& sockets) {
  return pool.map(use, sockets);
}
