// SPDX-License-Identifier: MIT
// What cannot work is refused by name, at the call that asked for it, and harms nothing else.
#include "conformance/pool_test.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

class BadInput : public PoolTest {
 public:
  /// Making a pool with these options names the field in its error.
  void expect_refused(const std::string& field, const std::function<void(PoolOptions&)>& change) {
    PoolOptions with = options(1);
    change(with);
    const auto error = thrown_by<std::invalid_argument>([&] { Pool pool(std::move(with)); });
    EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
  }
};
PROCPOOL_ON_ALL_BACKENDS(BadInput);

struct CannotBeSaved {
  int number = 0;
  template <class Archive>
  void serialize(Archive&) {
    throw std::runtime_error("this one cannot");
  }
};
int number_of(CannotBeSaved value) {
  return value.number;
}

TEST_P(BadInput, OptionsThatMakeNoSenseAreNamed) {
  expect_refused("processes", [](PoolOptions& o) { o.processes = 0; });
  expect_refused("processes", [](PoolOptions& o) { o.processes = 1'000'000; });
  expect_refused("processes", [](PoolOptions& o) { o.processes = std::numeric_limits<std::size_t>::max(); });
  expect_refused("max_restart_freq", [](PoolOptions& o) { o.max_restart_freq = 0s; });
  expect_refused("max_restart_freq", [](PoolOptions& o) { o.max_restart_freq = -1s; });
  expect_refused("max_message_size", [](PoolOptions& o) { o.max_message_size = MemorySize{}; });
  expect_refused("max_message_size", [](PoolOptions& o) { o.max_message_size = 3 * GiB; });
  expect_refused("capture_stderr", [](PoolOptions& o) { o.capture_stderr = MemorySize{}; });
  expect_refused("capture_stderr", [](PoolOptions& o) { o.capture_stderr = 65 * MiB; });
  expect_refused("backend", [](PoolOptions& o) { o.backend = std::shared_ptr<ProcessBackend>(); });
  EXPECT_THROW(Pool(0), std::invalid_argument);
}

TEST_P(BadInput, ATaskThatTheWorkerDoesNotKnowIsNamed) {
  Pool pool = make_pool(1);
  const auto unknown = named<int(int)>("nobody registered this");
  const auto error = thrown_by<TaskNotFoundError>([&] { pool.apply(unknown, 1); });
  EXPECT_NE(std::string(error.what()).find("nobody registered this"), std::string::npos) << error.what();
  EXPECT_THROW(pool.map(unknown, std::vector<int>{1, 2}, 2), TaskNotFoundError);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(BadInput, ANullFunctionPointerIsRefusedAtTheCall) {
  Pool pool = make_pool(1);
  int (*nothing)(int) = nullptr;
  EXPECT_THROW(pool.apply_async(nothing, 1), std::invalid_argument);
  EXPECT_THROW(pool.map_async(nothing, std::vector<int>{1}), std::invalid_argument);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(BadInput, AnArgumentThatCannotBeEncodedIsRefusedAtTheCall) {
  Pool pool = make_pool(1);
  const auto error = thrown_by<SerializationError>([&] { pool.apply_async(number_of, CannotBeSaved{1}); });
  EXPECT_NE(std::string(error.what()).find("this one cannot"), std::string::npos) << error.what();
  EXPECT_THROW(pool.map_async(number_of, std::vector<CannotBeSaved>(3)), SerializationError);
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(BadInput, AResultThatCannotBeEncodedIsAnErrorOfItsJob) {
  Pool pool = make_pool(1);
  const auto make = [] { return CannotBeSaved{1}; };
  const auto error = thrown_by<SerializationError>([&] { pool.apply(make); });
  EXPECT_NE(std::string(error.what()).find("this one cannot"), std::string::npos) << error.what();
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

}  // namespace
}  // namespace procpool::testing
