// expect: procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

#include <map>
#include <string>
#include <vector>

struct Socket {
  int descriptor;
};
void use(const std::map<std::string, std::vector<Socket>>& sockets);

procpool::BoundTask bound() {
  return procpool::task(use, std::map<std::string, std::vector<Socket>>{});
}
