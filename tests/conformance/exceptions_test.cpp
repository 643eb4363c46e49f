// SPDX-License-Identifier: MIT
// What a task throws, as the caller gets it.
#include "conformance/pool_test.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace procpool::testing {
namespace {

class Exceptions : public PoolTest {};
PROCPOOL_ON_ALL_BACKENDS(Exceptions);

struct ParseError : std::runtime_error {
  explicit ParseError(const std::string& what = "", int at = 0) : std::runtime_error(what), line(at) {}
  int line;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(line);
  }
};
PROCPOOL_EXCEPTION(ParseError);

struct Unregistered : std::logic_error {
  using std::logic_error::logic_error;
};

int parse(int line) {
  throw ParseError("unexpected end", line);
}
int throw_unregistered() {
  throw Unregistered("nobody knows this type");
}
int throw_pool_closed() {
  throw PoolClosedError("from a task");
}
int throw_bad_alloc() {
  throw std::bad_alloc();
}
void throw_from_void() {
  throw std::out_of_range("void");
}
int throw_nested() {
  try {
    throw std::out_of_range("the cause");
  } catch (...) {
    std::throw_with_nested(std::runtime_error("the consequence"));
  }
}
int throw_long_text(std::size_t size) {
  throw std::runtime_error(std::string(size, 'x'));
}

TEST_P(Exceptions, AStandardExceptionComesBackAsItsOwnType) {
  Pool pool = make_pool();
  const auto invalid =
      thrown_by<std::invalid_argument>([&] { pool.apply(tasks::throw_invalid_argument, "bad"); });
  EXPECT_STREQ(invalid.what(), "bad");
  EXPECT_THROW(pool.apply(throw_bad_alloc), std::bad_alloc);
  EXPECT_THROW(pool.apply(throw_from_void), std::out_of_range);
}

TEST_P(Exceptions, ASystemErrorKeepsItsCode) {
  Pool pool = make_pool();
  const auto error = thrown_by<std::system_error>([&] { pool.apply(tasks::throw_system_error, ENOENT); });
  EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
}

TEST_P(Exceptions, ARegisteredExceptionComesBackWithItsFields) {
  Pool pool = make_pool();
  const auto error = thrown_by<ParseError>([&] { pool.apply(parse, 17); });
  EXPECT_EQ(error.line, 17);
  EXPECT_STREQ(error.what(), "unexpected end");
}

TEST_P(Exceptions, AnyOtherTypeArrivesAsItsBaseOrAsRemoteErrorWithItsName) {
  Pool pool = make_pool();
  try {
    pool.apply(throw_unregistered);
    FAIL() << "nothing was thrown";
  } catch (const RemoteError& error) {
    EXPECT_STREQ(error.what(), "nobody knows this type");
    EXPECT_NE(error.type_name().find("Unregistered"), std::string::npos) << error.type_name();
  }
  const auto number = thrown_by<RemoteError>([&] { pool.apply(tasks::throw_42); });
  EXPECT_EQ(number.type_name(), "int");
}

TEST_P(Exceptions, AnErrorOfProcpoolsOwnThrownByATaskIsTheTasks) {
  Pool pool = make_pool();
  const auto error = thrown_by<PoolClosedError>([&] { pool.apply(throw_pool_closed); });
  EXPECT_STREQ(error.what(), "from a task");
  EXPECT_EQ(pool.apply(tasks::add, 1, 2), 3);
}

TEST_P(Exceptions, NestedExceptionsKeepTheirCause) {
  Pool pool = make_pool();
  try {
    pool.apply(throw_nested);
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the consequence");
    EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
  }
}

TEST_P(Exceptions, RemoteInfoTellsTheWorkerAndTheJob) {
  Pool pool = make_pool();
  const std::vector<Pid> workers = pool.worker_pids();
  const auto handle = pool.apply_async(tasks::throw_invalid_argument, std::string("x"));
  try {
    handle.get(patience);
    FAIL() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    const auto info = remote_info(error);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->job_id, handle.job_id());
    EXPECT_NE(std::find(workers.begin(), workers.end(), info->pid), workers.end());
    EXPECT_EQ(handle.worker_pids(), std::vector<Pid>{info->pid});
  }
  EXPECT_FALSE(remote_info(std::invalid_argument("not from a task")));
}

TEST_P(Exceptions, EveryGetThrowsTheSameError) {
  Pool pool = make_pool();
  const auto handle = pool.apply_async(tasks::throw_invalid_argument, std::string("again"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_STREQ(thrown_by<std::invalid_argument>([&] { handle.get(patience); }).what(), "again");
  }
  EXPECT_FALSE(handle.successful());
}

TEST_P(Exceptions, AnExceptionCostsNoWorker) {
  Pool pool = make_pool();
  const std::vector<Pid> before = pool.worker_pids();
  for (int i = 0; i < 200; ++i) EXPECT_THROW(pool.apply(tasks::throw_42), RemoteError);
  EXPECT_EQ(pool.worker_pids(), before);
}

TEST_P(Exceptions, ALongTextArrivesAndAVeryLongOneIsCutShort) {
  Pool pool = make_pool();
  const auto error = thrown_by<std::runtime_error>([&] { pool.apply(throw_long_text, 20'000); });
  EXPECT_EQ(error.what(), std::string(20'000, 'x'));
  const auto longer = thrown_by<std::runtime_error>([&] { pool.apply(throw_long_text, 3U << 20); });
  EXPECT_GE(std::string(longer.what()).size(), 60'000U);
}

}  // namespace
}  // namespace procpool::testing
