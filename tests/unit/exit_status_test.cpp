// SPDX-License-Identifier: MIT
#include <procpool/errors.hpp>
#include <procpool/exit_status.hpp>

#include <csignal>
#include <string>

#include <gtest/gtest.h>

namespace {

using procpool::ExitStatus;

TEST(ExitStatus, SaysHowAProcessEnded) {
  EXPECT_EQ(ExitStatus::from_code(3).to_string(), "exit code 3");
  EXPECT_EQ(ExitStatus::from_code(0).to_string(), "exit code 0");
  EXPECT_EQ(ExitStatus::from_signal(SIGSEGV).to_string(), "signal " + std::to_string(SIGSEGV) + " (SIGSEGV)");
  EXPECT_EQ(ExitStatus::from_signal(9999).to_string(), "signal 9999");
  EXPECT_EQ(ExitStatus().to_string(), "unknown exit status");
}

TEST(ExitStatus, WritesTheStatusOfAWindowsCrashAsPeopleKnowIt) {
  EXPECT_EQ(ExitStatus::from_code(0xC0000005).to_string(), "exit code 0xc0000005 (STATUS_ACCESS_VIOLATION)");
  EXPECT_EQ(ExitStatus::from_code(0x40000015).to_string(), "exit code 0x40000015 (STATUS_FATAL_APP_EXIT)");
  EXPECT_EQ(ExitStatus::from_code(0xE06D7363).to_string(), "exit code 0xe06d7363")
      << "of a compiler's runtime";
  EXPECT_EQ(ExitStatus::from_code(0xFFFFFFFF).to_string(), "exit code 4294967295") << "exit(-1)";
}

TEST(ExitStatus, GivesNothingForTheHalfThatDoesNotApply) {
  EXPECT_EQ(ExitStatus::from_code(3).signal(), 0);
  EXPECT_EQ(ExitStatus::from_signal(9).code(), 0);
  EXPECT_FALSE(ExitStatus().known());
  EXPECT_NE(ExitStatus::from_code(9), ExitStatus::from_signal(9));
}

TEST(WorkerLostError, NamesItsReason) {
  using Reason = procpool::WorkerLostError::Reason;
  EXPECT_EQ(procpool::to_string(Reason::crashed), "crashed");
  EXPECT_EQ(procpool::to_string(Reason::suspected_out_of_memory), "suspected out of memory");
  EXPECT_EQ(procpool::to_string(Reason::unknown), "unknown");
}

TEST(SpawnError, SaysWhatTheSystemSays) {
  const procpool::SpawnError error("fork", std::make_error_code(std::errc::not_enough_memory));
  EXPECT_EQ(error.code(), std::errc::not_enough_memory);
  EXPECT_NE(std::string(error.what()).find(error.code().message()), std::string::npos);
}

}  // namespace
