// SPDX-License-Identifier: MIT
// A program that forgets procpool::init: `no_init_program BACKEND never|host_only`. Prints what comes of a
// pool.
#include <procpool/procpool.hpp>

#include <cstring>
#include <iostream>
#include <string>

namespace {

int add(int a, int b) {
  return a + b;
}

procpool::Backend backend_named(const std::string& name) {
  if (name == "forkserver") return procpool::Backend::forkserver;
  if (name == "spawn") return procpool::Backend::spawn;
  return procpool::Backend::fork;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string backend = argc > 1 ? argv[1] : "";
  // A main that finds another way through when it runs as a worker, and makes a pool there as well.
  const bool host = argc > 2;
  if (host && std::strcmp(argv[2], "host_only") == 0) procpool::init(argc, argv);
  try {
    procpool::Pool pool({.processes = 2, .backend = backend_named(backend)});
    std::cout << "result " << pool.apply(add, 1, 2) << '\n';
  } catch (const procpool::NotInitializedError& error) {
    std::cout << "NotInitializedError " << error.what() << '\n';
  } catch (const procpool::SpawnError& error) {
    std::cout << "SpawnError " << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cout << "another error " << error.what() << '\n';
  }
}
