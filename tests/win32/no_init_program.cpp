// SPDX-License-Identifier: MIT
// A program that forgot procpool::init. Prints what making a pool says.
#include <procpool/procpool.hpp>

#include <cstdio>
#include <exception>

int main() {
  try {
    procpool::Pool pool(1);
    std::printf("a pool\n");
  } catch (const procpool::NotInitializedError& error) {
    std::printf("NotInitializedError: %s\n", error.what());
  } catch (const std::exception& error) {
    std::printf("another error: %s\n", error.what());
  }
}
