// SPDX-License-Identifier: MIT
/// \file
/// The fixture of tests that run over fork, forkserver and spawn.
#pragma once

#include "pool/backend_factory.hpp"
#include "posix/backend_host.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace procpool::testing {

inline std::shared_ptr<ProcessBackend> make_named(const std::string& name) {
  if (name == "fork") return detail::make_backend(Backend::fork);
  if (name == "forkserver") return detail::make_backend(Backend::forkserver);
  return detail::make_backend(Backend::spawn);
}

class NamedBackendTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::shared_ptr<ProcessBackend> make_backend() { return make_named(GetParam()); }
};

inline std::string name_of(const ::testing::TestParamInfo<std::string>& instance) {
  return instance.param;
}

}  // namespace procpool::testing
