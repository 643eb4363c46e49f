// SPDX-License-Identifier: MIT
// What a task throws is what the caller catches.
#include <procpool/errors.hpp>
#include <procpool/exception.hpp>

#include <any>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

namespace example {

struct ParseError : std::runtime_error {
  explicit ParseError(const std::string& text = "", int at = 0)
      : std::runtime_error("parse error: " + text), line(at) {}
  int line;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(line);
  }
};

struct TextOnly : std::logic_error {
  using std::logic_error::logic_error;
};

struct QueueEmpty : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "the queue is empty"; }
};

/// Not a std::exception.
struct Code {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

struct Final final : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Unregistered : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct CannotBeEncoded : std::runtime_error {
  CannotBeEncoded() : std::runtime_error("the cause") {}
  template <class Archive>
  void save(Archive& /*archive*/) const {
    throw std::runtime_error("save failed");
  }
  template <class Archive>
  void load(Archive& /*archive*/) {}
};

PROCPOOL_EXCEPTION(ParseError);
PROCPOOL_EXCEPTION(TextOnly);
PROCPOOL_EXCEPTION(QueueEmpty);
PROCPOOL_EXCEPTION(example::Code);
PROCPOOL_EXCEPTION(Final);
PROCPOOL_EXCEPTION(CannotBeEncoded);

}  // namespace example

namespace {

using procpool::detail::ByteBuffer;
using procpool::detail::decode_exception;
using procpool::detail::encode_current_exception;

/// What the caller gets if the task does `thrower()`.
template <class Thrower>
std::exception_ptr travel(const Thrower& thrower, std::size_t limit = ByteBuffer::no_limit) {
  ByteBuffer bytes(limit);
  try {
    thrower();
  } catch (...) {
    encode_current_exception(bytes);
  }
  return decode_exception(bytes.view(), {123, 45});
}

template <class E>
std::exception_ptr travel_of(const E& error) {
  return travel([&] { throw error; });
}

/// Passes a caught E to `check`; anything else fails the test.
template <class E, class Check>
void expect_caught(const std::exception_ptr& error, const Check& check) {
  try {
    std::rethrow_exception(error);
  } catch (const E& caught) {
    check(caught);
  } catch (const std::exception& other) {
    FAIL() << "caught " << typeid(other).name() << ": " << other.what();
  } catch (...) {
    FAIL() << "caught something else";
  }
}

/// As the exact type, not a base of it: tested by the class that derived from it when it was remade.
template <class E>
void expect_same_type_and_text(const E& thrown) {
  expect_caught<procpool::detail::Remote<E>>(travel_of(thrown), [&](const E& caught) {
    EXPECT_STREQ(caught.what(), thrown.what());
    const auto info = procpool::remote_info(caught);
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->pid, 123);
    EXPECT_EQ(info->job_id, 45U);
  });
}

TEST(Exceptions, StandardOnesComeBackAsTheirOwnTypeWithTheirText) {
  expect_same_type_and_text(std::exception());
  expect_same_type_and_text(std::runtime_error("r"));
  expect_same_type_and_text(std::range_error("r"));
  expect_same_type_and_text(std::overflow_error("r"));
  expect_same_type_and_text(std::underflow_error("r"));
  expect_same_type_and_text(std::logic_error("l"));
  expect_same_type_and_text(std::invalid_argument("l"));
  expect_same_type_and_text(std::domain_error("l"));
  expect_same_type_and_text(std::length_error("l"));
  expect_same_type_and_text(std::out_of_range("l"));
  expect_same_type_and_text(std::bad_alloc());
  expect_same_type_and_text(std::bad_array_new_length());
  expect_same_type_and_text(std::bad_cast());
  expect_same_type_and_text(std::bad_typeid());
  expect_same_type_and_text(std::bad_exception());
  expect_same_type_and_text(std::bad_any_cast());
  expect_same_type_and_text(std::bad_weak_ptr());
  expect_same_type_and_text(std::bad_function_call());
  expect_same_type_and_text(std::bad_optional_access());
  expect_same_type_and_text(std::bad_variant_access());
}

TEST(Exceptions, WhatTheLibraryThrowsItselfComesBack) {
  expect_caught<std::bad_variant_access>(
      travel([] { static_cast<void>(std::get<int>(std::variant<int, char>('x'))); }),
      [](const auto& caught) { EXPECT_STRNE(caught.what(), ""); });
  expect_caught<std::ios_base::failure>(travel([] {
                                          std::ifstream file;
                                          file.exceptions(std::ios_base::failbit);
                                          file.open("/nonexistent/file");
                                        }),
                                        [](const std::ios_base::failure& caught) {
                                          EXPECT_EQ(caught.code(),
                                                    std::make_error_code(std::io_errc::stream));
                                        });
  expect_caught<std::out_of_range>(travel([] { static_cast<void>(std::string().at(3)); }),
                                   [](const auto& caught) { EXPECT_STRNE(caught.what(), ""); });
}

TEST(Exceptions, ErrorCodesKeepTheirCategory) {
  const std::system_error thrown(std::make_error_code(std::errc::no_such_file_or_directory), "opening");
  expect_same_type_and_text(thrown);
  expect_caught<std::system_error>(travel_of(thrown), [](const std::system_error& caught) {
    EXPECT_EQ(caught.code(), std::errc::no_such_file_or_directory);
  });
  expect_caught<std::system_error>(travel_of(std::system_error(13, std::system_category())),
                                   [](const std::system_error& caught) {
                                     EXPECT_EQ(caught.code().value(), 13);
                                     EXPECT_EQ(caught.code().category(), std::system_category());
                                   });
  expect_same_type_and_text(std::future_error(std::future_errc::broken_promise));
  expect_caught<std::future_error>(
      travel_of(std::future_error(std::future_errc::no_state)),
      [](const std::future_error& caught) { EXPECT_EQ(caught.code(), std::future_errc::no_state); });
}

TEST(Exceptions, AnErrorCodeOfAForeignCategoryKeepsItsValueAndText) {
  struct Category : std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "mine"; }
    [[nodiscard]] std::string message(int) const override { return "of mine"; }
  };
  static const Category category;
  expect_caught<std::system_error>(travel_of(std::system_error(77, category)),
                                   [](const std::system_error& caught) {
                                     EXPECT_EQ(caught.code().value(), 77);
                                     EXPECT_STREQ(caught.what(), "of mine");
                                     EXPECT_NE(caught.code().category(), std::system_category());
                                   });
}

TEST(Exceptions, FilesystemErrorsKeepTheirPaths) {
  const std::filesystem::filesystem_error thrown("cannot copy", "/from", "/to",
                                                 std::make_error_code(std::errc::permission_denied));
  expect_same_type_and_text(thrown);
  expect_caught<std::filesystem::filesystem_error>(travel_of(thrown), [](const auto& caught) {
    EXPECT_EQ(caught.path1(), "/from");
    EXPECT_EQ(caught.path2(), "/to");
    EXPECT_EQ(caught.code(), std::errc::permission_denied);
  });
}

TEST(Exceptions, RegexErrorsKeepTheirCode) {
  expect_caught<std::regex_error>(travel([] { static_cast<void>(std::regex("(")); }), [](const auto& caught) {
    EXPECT_EQ(caught.code(), std::regex_constants::error_paren);
  });
}

TEST(Exceptions, ProcpoolsOwnComeBackWithTheirData) {
  expect_same_type_and_text(procpool::Error("e"));
  expect_same_type_and_text(procpool::TimeoutError("e"));
  expect_same_type_and_text(procpool::TimeLimitExceeded("e"));
  expect_same_type_and_text(procpool::SoftTimeLimitExceeded("e"));
  expect_same_type_and_text(procpool::RestartFreqExceeded("e"));
  expect_same_type_and_text(procpool::PoolClosedError("e"));
  expect_same_type_and_text(procpool::SerializationError("e"));
  expect_same_type_and_text(procpool::MemoryLimitExceeded("e"));
  expect_same_type_and_text(procpool::NotInitializedError("e"));
  expect_same_type_and_text(procpool::TaskNotFoundError("e"));

  expect_caught<procpool::WorkerLostError>(
      travel_of(procpool::WorkerLostError("lost", 9, procpool::ExitStatus::from_signal(11),
                                          procpool::WorkerLostError::Reason::crashed)),
      [](const auto& caught) {
        EXPECT_EQ(caught.pid(), 9);
        EXPECT_EQ(caught.exit_status(), procpool::ExitStatus::from_signal(11));
        EXPECT_EQ(caught.reason(), procpool::WorkerLostError::Reason::crashed);
      });
  expect_caught<procpool::Terminated>(travel_of(procpool::Terminated("t", 15)),
                                      [](const auto& caught) { EXPECT_EQ(caught.signal(), 15); });
  const procpool::SpawnError spawn("fork", std::make_error_code(std::errc::not_enough_memory));
  expect_same_type_and_text(spawn);
  expect_caught<procpool::SpawnError>(
      travel_of(spawn), [](const auto& caught) { EXPECT_EQ(caught.code(), std::errc::not_enough_memory); });
  expect_caught<procpool::RemoteError>(travel_of(procpool::RemoteError("r", "T")), [](const auto& caught) {
    EXPECT_EQ(caught.type_name(), "T");
    EXPECT_STREQ(caught.what(), "r");
  });
}

TEST(Exceptions, ARegisteredTypeComesBackWithItsFieldsAndItsText) {
  expect_caught<example::ParseError>(travel_of(example::ParseError("no brace", 12)), [](const auto& caught) {
    EXPECT_EQ(caught.line, 12);
    EXPECT_STREQ(caught.what(), "parse error: no brace");
    EXPECT_EQ(procpool::remote_info(caught)->pid, 123);
  });
  expect_same_type_and_text(example::TextOnly("text"));
  expect_same_type_and_text(example::QueueEmpty());
}

TEST(Exceptions, ARegisteredTypeNeedNotBeAStdException) {
  const auto error = travel_of(example::Code{42});
  expect_caught<example::Code>(error, [](const auto& caught) { EXPECT_EQ(caught.value, 42); });
  EXPECT_EQ(procpool::remote_info(error)->job_id, 45U);
}

TEST(Exceptions, AFinalTypeComesBackWithoutItsOrigin) {
  const auto error = travel_of(example::Final("f"));
  expect_caught<example::Final>(error, [](const auto& caught) { EXPECT_STREQ(caught.what(), "f"); });
  EXPECT_FALSE(procpool::remote_info(error).has_value());
}

TEST(Exceptions, AnyOtherTypeIsARemoteErrorThatNamesIt) {
  const auto error = travel_of(example::Unregistered("why"));
  expect_caught<procpool::RemoteError>(error, [](const auto& caught) {
    EXPECT_EQ(caught.type_name(), "example::Unregistered");
    EXPECT_STREQ(caught.what(), "why");
  });
  EXPECT_EQ(procpool::remote_info(error)->pid, 123);
}

TEST(Exceptions, WhatIsNoExceptionIsARemoteErrorToo) {
  expect_caught<procpool::RemoteError>(travel_of(42),
                                       [](const auto& caught) { EXPECT_EQ(caught.type_name(), "int"); });
  expect_caught<procpool::RemoteError>(travel([] { throw "a literal"; }),
                                       [](const auto& caught) { EXPECT_STREQ(caught.what(), "a literal"); });
  expect_caught<procpool::RemoteError>(travel_of(std::string("a string")),
                                       [](const auto& caught) { EXPECT_STREQ(caught.what(), "a string"); });
}

TEST(Exceptions, NestedOnesCanBeTakenApart) {
  const auto error = travel([] {
    try {
      throw example::ParseError("inner", 3);
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  });
  expect_caught<std::runtime_error>(error, [](const std::runtime_error& caught) {
    EXPECT_STREQ(caught.what(), "outer");
    try {
      std::rethrow_if_nested(caught);
      FAIL() << "nothing nested";
    } catch (const example::ParseError& inner) {
      EXPECT_EQ(inner.line, 3);
    }
  });
}

TEST(Exceptions, ANestingOneOfAnUnregisteredTypeIsNamedWithoutItsWrapper) {
  const auto error = travel([] {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      std::throw_with_nested(example::Unregistered("outer"));
    }
  });
  expect_caught<procpool::RemoteError>(
      error, [](const auto& caught) { EXPECT_EQ(caught.type_name(), "example::Unregistered"); });
}

TEST(Exceptions, OneThatCameFromAWorkerCanBePassedOnFromAWorker) {
  const auto first = travel_of(example::ParseError("deep", 7));
  const auto second = travel([&] { std::rethrow_exception(first); });
  expect_caught<procpool::detail::Remote<example::ParseError>>(second, [](const auto& caught) {
    EXPECT_EQ(caught.line, 7);
    EXPECT_STREQ(caught.what(), "parse error: deep");
  });
}

TEST(Exceptions, OneWhoseFieldsCannotBeEncodedStillTellsItsText) {
  expect_caught<procpool::RemoteError>(travel_of(example::CannotBeEncoded()), [](const auto& caught) {
    EXPECT_EQ(caught.type_name(), "example::CannotBeEncoded");
    EXPECT_STREQ(caught.what(), "the cause");
  });
}

TEST(Exceptions, AnEndlessTextIsCut) {
  expect_caught<std::runtime_error>(
      travel_of(std::runtime_error(std::string(1'000'000, 'x'))),
      [](const auto& caught) { EXPECT_EQ(std::string(caught.what()).size(), 64U * 1024U); });
}

TEST(Exceptions, OneThatDoesNotFitIntoAMessageTellsWhatFits) {
  const auto error = travel([] { throw std::invalid_argument(std::string(10'000, 'x')); }, 4000);
  expect_caught<procpool::RemoteError>(error, [](const auto& caught) {
    EXPECT_EQ(caught.type_name(), "std::invalid_argument");
    EXPECT_EQ(std::string(caught.what()).size(), 1024U);
  });
}

TEST(Exceptions, OneThatCouldNotBeWrittenAtAllIsASerializationError) {
  EXPECT_THROW(std::rethrow_exception(travel_of(procpool::Error("x"))), procpool::Error);
  const auto error = travel([] { throw std::invalid_argument("x"); }, 4);
  EXPECT_THROW(std::rethrow_exception(error), procpool::SerializationError);
}

TEST(Exceptions, AnExceptionOfThisProcessHasNoOrigin) {
  EXPECT_FALSE(procpool::remote_info(std::runtime_error("local")).has_value());
  EXPECT_FALSE(procpool::remote_info(std::exception_ptr()).has_value());
  EXPECT_FALSE(procpool::remote_info(std::make_exception_ptr(3)).has_value());
}

TEST(Exceptions, CopyingOneKeepsItsTextAndOrigin) {
  try {
    std::rethrow_exception(travel_of(std::out_of_range("copied")));
  } catch (const procpool::detail::Remote<std::out_of_range>& caught) {
    static_assert(std::is_nothrow_copy_constructible_v<procpool::detail::Remote<std::out_of_range>>);
    const auto copy = caught;
    EXPECT_STREQ(copy.what(), "copied");
    EXPECT_EQ(copy.info().pid, 123);
  }
}

}  // namespace
