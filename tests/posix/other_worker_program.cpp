// SPDX-License-Identifier: MIT
// A worker program that is not the host's: it knows its tasks by name.
#include <procpool/procpool.hpp>

namespace {

int twice(int value) {
  return 2 * value;
}
PROCPOOL_TASK("other.twice", twice);

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  return 1;  // not to be run by itself
}
