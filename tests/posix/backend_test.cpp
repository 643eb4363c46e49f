// SPDX-License-Identifier: MIT
// What a user of ProcessBackend notices, on each of fork, forkserver and spawn.
#include "helpers/sanitizers.hpp"
#include "posix/backend_fixture.hpp"
#include "posix/surroundings.hpp"

#include <procpool/errors.hpp>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

using Factory = std::shared_ptr<ProcessBackend> (*)();

class PosixBackendTest : public NamedBackendTest {};

INSTANTIATE_TEST_SUITE_P(Backends, PosixBackendTest, ::testing::Values("fork", "forkserver", "spawn"),
                         name_of);

TEST_P(PosixBackendTest, HasItsName) {
  EXPECT_EQ(make_backend()->name(), GetParam());
}

TEST_P(PosixBackendTest, RingsBothWaysWithFourWorkers) {
  BackendHost host(make_backend());
  std::vector<WorkerId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(host.start());
  for (int round = 0; round < 50; ++round) {
    for (const WorkerId id : ids) EXPECT_EQ(host.ask(id, Order::add_one, round), round + 1);
  }
  for (const WorkerId id : ids) {
    EXPECT_GT(host.events.lives[id].rings, 0);
    EXPECT_FALSE(host.events.lives[id].out_of_order);
  }
}

TEST_P(PosixBackendTest, GivesZeroedMemoryOfTheSizeAskedFor) {
  BackendHost host(make_backend());
  const auto worker = host.backend->start(1, 10'000);
  ASSERT_EQ(worker->memory().size(), 10'000U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(worker->memory().data()) % 4096, 0U);
  for (const std::byte byte : worker->memory()) ASSERT_EQ(byte, std::byte{0});
}

TEST_P(PosixBackendTest, RingsTheLeadersBell) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  EXPECT_FALSE(host.backend->bell().wait(std::chrono::milliseconds(1)));
  host.order(id, Order::ring_leader, 1);
  EXPECT_TRUE(host.backend->bell().wait(BackendHost::patience));
  EXPECT_EQ(host.board(id).answer, 2);
  EXPECT_FALSE(host.backend->bell().wait(Duration::zero()));
  host.backend->bell().ring();
  EXPECT_TRUE(host.backend->bell().wait(Duration::zero()));
}

TEST_P(PosixBackendTest, TellsTrueExitStatuses) {
  BackendHost host(make_backend());
  const WorkerId leaves = host.start();
  const WorkerId exits = host.start();
  const WorkerId crashes = host.start();
  host.order(leaves, Order::leave, 3);
  host.order(exits, Order::call_exit, 7);
  host.order(crashes, Order::raise_signal, SIGSEGV);
  EXPECT_EQ(host.end_of(leaves), ExitStatus::from_code(3));
  EXPECT_EQ(host.end_of(exits), ExitStatus::from_code(7));
  EXPECT_EQ(host.end_of(crashes), ExitStatus::from_signal(SIGSEGV));
}

TEST_P(PosixBackendTest, StartsAnotherWorkerAfterOneHasEnded) {
  BackendHost host(make_backend());
  for (int i = 0; i < 10; ++i) {
    const WorkerId id = host.start();
    EXPECT_EQ(host.ask(id, Order::add_one, i), i + 1);
    host.order(id, Order::leave, 0);
    EXPECT_EQ(host.end_of(id), ExitStatus::from_code(0));
    host.workers.erase(id);
  }
}

TEST_P(PosixBackendTest, KillsAWorkerThatBlocksAllSignals) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::loop_forever));
  host.workers[id]->kill();
  EXPECT_EQ(host.end_of(id), ExitStatus::from_signal(SIGKILL));
}

TEST_P(PosixBackendTest, KillsAWorkerBeforeItIsTold) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  host.workers[id]->kill();
  EXPECT_EQ(host.end_of(id), ExitStatus::from_signal(SIGKILL));
  EXPECT_TRUE(host.events.lives[id].started);
}

TEST_P(PosixBackendTest, KillsWhatAWorkerHasStarted) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  const auto child = host.ask(id, Order::leave_child);
  ASSERT_TRUE(child);
  host.workers[id]->kill();
  EXPECT_EQ(host.end_of(id), ExitStatus::from_signal(SIGKILL));
  EXPECT_EQ(parent_of(static_cast<Pid>(*child)), 0) << "the child must be gone once the end is told";
}

TEST_P(PosixBackendTest, KillsWhatAWorkerLeavesBehindWhenItExits) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  const auto child = host.ask(id, Order::leave_child);
  ASSERT_TRUE(child);
  host.order(id, Order::leave, 0);
  EXPECT_EQ(host.end_of(id), ExitStatus::from_code(0));
  EXPECT_EQ(parent_of(static_cast<Pid>(*child)), 0);
}

TEST_P(PosixBackendTest, CloseKillsEvenWhatHasLeftTheWorkersGroup) {
  std::optional<std::int64_t> child;
  {
    BackendHost host(make_backend());
    const WorkerId id = host.start();
    child = host.ask(id, Order::leave_session);
    ASSERT_TRUE(child);
  }
  EXPECT_EQ(parent_of(static_cast<Pid>(*child)), 0);
}

TEST_P(PosixBackendTest, SignalsTheProcessAlone) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  host.workers[id]->signal(SIGTERM);
  EXPECT_EQ(host.end_of(id), ExitStatus::from_signal(SIGTERM));
}

TEST_P(PosixBackendTest, ANudgeInterruptsABlockingCallAndHarmsNobodyElse) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  host.workers[id]->nudge();  // one that finds it waiting for work
  ASSERT_TRUE(host.ask(id, Order::sleep_for_nudge));
  // The answer comes before the sleep begins, so that one nudge may be too early.
  EXPECT_TRUE(host.until([&] {
    host.workers[id]->nudge();
    return host.board(id).second != 0;
  }));
  EXPECT_EQ(host.board(id).second, EINTR);
  EXPECT_EQ(host.ask(id, Order::add_one, 1), 2);
}

TEST_P(PosixBackendTest, TheSentinelBecomesReadableAtTheEnd) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  pollfd polled{static_cast<int>(host.workers[id]->sentinel()), POLLIN, 0};
  if (polled.fd < 0) GTEST_SKIP() << "this kernel has no pidfd_open";
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  host.workers[id]->kill();
  EXPECT_EQ(::poll(&polled, 1, 20'000), 1);
  host.end_of(id);
  EXPECT_EQ(::poll(&polled, 1, 0), 1);
}

TEST_P(PosixBackendTest, MeasuresWhatAWorkerHasWrittenTo) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  const auto before = host.workers[id]->footprint();
  ASSERT_EQ(host.ask(id, Order::allocate, 64 << 20), 1);
  const auto after = host.workers[id]->footprint();
  ASSERT_TRUE(before && after);
  EXPECT_GE(after->bytes(), before->bytes() + (60U << 20));
  EXPECT_LE(after->bytes(), before->bytes() + (600U << 20));  // ThreadSanitizer adds several times as much
  host.workers[id]->kill();
  host.end_of(id);
  EXPECT_FALSE(host.workers[id]->footprint());
}

TEST_P(PosixBackendTest, TheMemoryLimitIsTheKernels) {
  WorkerSetup setup;
  setup.memory_limit = 128 * MiB;
  BackendHost host(make_backend(), setup);
  if (!host.backend->enforces_memory_limit()) GTEST_SKIP() << "this system has no memory limits";
  const WorkerId id = host.start();
  EXPECT_EQ(host.ask(id, Order::allocate, 64 << 20), 1);
  EXPECT_EQ(host.ask(id, Order::allocate, 96 << 20), 0);
}

TEST_P(PosixBackendTest, WorkersHaveTheEnvironmentAndDirectoryOfTheSetup) {
  WorkerSetup setup;
  setup.environment = {{"PROCPOOL_TEST_A", "one"}, {"HOME", "/nowhere"}};
  setup.working_directory = std::filesystem::temp_directory_path();
  BackendHost host(make_backend(), setup);
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::read_variable, 0, "PROCPOOL_TEST_A"));
  EXPECT_STREQ(host.board(id).text.data(), "one");
  ASSERT_TRUE(host.ask(id, Order::read_variable, 0, "HOME"));
  EXPECT_STREQ(host.board(id).text.data(), "/nowhere");
  ASSERT_TRUE(host.ask(id, Order::read_variable, 0, "PROCPOOL_ROLE"));
  EXPECT_STREQ(host.board(id).text.data(), "(none)");
  ASSERT_TRUE(host.ask(id, Order::read_directory));
  EXPECT_EQ(host.board(id).text.data(), std::filesystem::canonical(setup.working_directory).string());
  EXPECT_EQ(std::getenv("PROCPOOL_TEST_A"), nullptr);
}

TEST_P(PosixBackendTest, OpenNamesAWorkingDirectoryThatIsNotThere) {
  WorkerSetup setup;
  setup.working_directory = "/no/such/directory";
  try {
    BackendHost host(make_backend(), setup);
    FAIL() << "open() did not throw";
  } catch (const SpawnError& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find("/no/such/directory"), std::string::npos);
  }
}

TEST_P(PosixBackendTest, WorkersLeadTheirGroupIgnoreInterruptsAndReadNothing) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  EXPECT_EQ(host.ask(id, Order::check_signals), 0);
  EXPECT_EQ(host.ask(id, Order::read_stdin), 0);
  EXPECT_EQ(host.ask(id, Order::get_group), host.events.lives[id].pid);
  EXPECT_NE(::getpgid(parent_of(host.events.lives[id].pid)), ::getpgid(0)) << "the launcher's group";
}

TEST_P(PosixBackendTest, WorkersHaveDefaultSignalsWhateverTheHostHas) {
  const auto old_child = std::signal(SIGCHLD, SIG_IGN);
  const auto old_user = std::signal(SIGUSR1, [](int) {});
  {
    BackendHost host(make_backend());
    const WorkerId id = host.start();
    EXPECT_EQ(host.ask(id, Order::check_signals), 0);
    host.order(id, Order::raise_signal, SIGUSR1);
    EXPECT_EQ(host.end_of(id), ExitStatus::from_signal(SIGUSR1));
    const WorkerId second = host.start();
    host.order(second, Order::leave, 5);
    EXPECT_EQ(host.end_of(second), ExitStatus::from_code(5));
  }
  std::signal(SIGCHLD, old_child);
  std::signal(SIGUSR1, old_user);
}

TEST_P(PosixBackendTest, WorkersHoldNoDescriptorsOfSiblingsOrOtherPools) {
  BackendHost first(make_backend());
  const WorkerId alone = first.start();
  const auto baseline = first.ask(alone, Order::count_fds);
  ASSERT_TRUE(baseline);
  std::vector<WorkerId> more;
  for (int i = 0; i < 5; ++i) more.push_back(first.start());
  for (const WorkerId id : more) EXPECT_EQ(first.ask(id, Order::count_fds), baseline);

  // The loops of the two hosts are descriptors of the host, not of its workers' channels.
  const auto own_of_a_loop = [] {
    const auto count = [] {
      int open = 0;
      for (int fd = 3; fd < 256; ++fd) open += ::fcntl(fd, F_GETFD) >= 0;
      return open;
    };
    const int before = count();
    const detail::UvLoop loop;
    return count() - before;
  }();
  BackendHost second(make_backend());
  const auto in_second = second.ask(second.start(), Order::count_fds);
  ASSERT_TRUE(in_second);
  EXPECT_LE(*in_second, *baseline + own_of_a_loop);
}

TEST_P(PosixBackendTest, TwoPoolsLiveSideBySide) {
  auto first = std::make_unique<BackendHost>(make_backend());
  BackendHost second(make_backend());
  const WorkerId in_first = first->start();
  const WorkerId in_second = second.start();
  EXPECT_EQ(first->ask(in_first, Order::add_one, 1), 2);
  EXPECT_EQ(second.ask(in_second, Order::add_one, 2), 3);
  const Pid launcher = parent_of(first->events.lives[in_first].pid);
  first.reset();
  EXPECT_TRUE(dies_soon(launcher));
  EXPECT_EQ(second.ask(in_second, Order::add_one, 3), 4);
}

TEST_P(PosixBackendTest, ClosesWithBusyWorkers) {
  std::vector<Pid> pids;
  {
    BackendHost host(make_backend());
    for (int i = 0; i < 4; ++i) {
      const WorkerId id = host.start();
      ASSERT_TRUE(host.ask(id, i % 2 == 0 ? Order::pause_forever : Order::loop_forever));
      pids.push_back(host.events.lives[id].pid);
      pids.push_back(parent_of(pids.back()));
    }
  }
  for (const Pid pid : pids) EXPECT_EQ(parent_of(pid), 0) << pid;
}

TEST_P(PosixBackendTest, TellsNothingAfterClose) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  host.backend->close();
  host.loop.run_once(std::chrono::milliseconds(5));
  EXPECT_FALSE(host.events.lives[id].exited);
  host.workers[id]->ring();
  host.workers[id]->kill();
  host.workers[id]->nudge();
  EXPECT_FALSE(host.workers[id]->footprint());
}

TEST_P(PosixBackendTest, OpensAgainAfterClose) {
  const auto backend = make_backend();
  for (int i = 0; i < 3; ++i) {
    BackendHost host(backend);
    EXPECT_EQ(host.ask(host.start(), Order::add_one, i), i + 1);
  }
}

TEST_P(PosixBackendTest, MayBeClosedByAnEvent) {
  BackendHost host(make_backend());
  host.events.on_exit = [&](WorkerId) { host.backend->close(); };
  const WorkerId first = host.start();
  const WorkerId second = host.start();
  ASSERT_TRUE(host.ask(second, Order::add_one));
  host.order(first, Order::leave, 0);
  EXPECT_EQ(host.end_of(first), ExitStatus::from_code(0));
  host.loop.run_once(std::chrono::milliseconds(5));
  EXPECT_FALSE(host.events.lives[second].exited);
}

TEST_P(PosixBackendTest, ManyPoolsLeaveNothingBehind) {
  // The check for leftovers after each test does the counting.
  for (int i = 0; i < (under_sanitizer ? 20 : 100); ++i) {
    BackendHost host(make_backend());
    const WorkerId id = host.start();
    if (i % 10 == 0) {
      EXPECT_EQ(host.ask(id, Order::add_one, i), i + 1);
    }
  }
}

TEST_P(PosixBackendTest, OutOfDescriptorsIsAnErrorOfStart) {
  BackendHost host(make_backend());
  const WorkerId id = host.start();
  ASSERT_TRUE(host.ask(id, Order::add_one));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::fcntl(0, F_DUPFD, 0);
  ASSERT_GE(next, 0);
  ::close(next);
  // For every number of free descriptors from none on, until a start succeeds.
  bool succeeded = false;
  for (rlim_t room = 0; room < 40 && !succeeded; ++room) {
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(next) + room;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    try {
      host.start();
      succeeded = true;
    } catch (const SpawnError& error) {
      EXPECT_EQ(error.code(), std::errc::too_many_files_open) << error.what();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  }
  EXPECT_TRUE(succeeded);
  EXPECT_EQ(host.ask(id, Order::add_one, 1), 2);
}

TEST_P(PosixBackendTest, OutOfDescriptorsIsAnErrorOfOpen) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const detail::UvLoop first_loop;  // what libuv opens once
  detail::UvLoop loop;
  NotedEvents events;
  const int next = ::fcntl(0, F_DUPFD, 0);
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next) + 1;
  const auto backend = make_backend();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  try {
    backend->open({}, loop, events);
    ADD_FAILURE() << "open() did not throw";
  } catch (const SpawnError& error) {
    EXPECT_EQ(error.code(), std::errc::too_many_files_open) << error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(PosixBackendTest, WorksWithClosedStandardStreams) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    BackendHost host(make_backend());
    const WorkerId id = host.start();
    ::_exit(host.ask(id, Order::read_stdin) == 0 && host.ask(id, Order::add_one, 1) == 2 ? 42 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST_P(PosixBackendTest, WritesWhatIsInBuffersOnce) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("procpool-buffers-" + std::to_string(::getpid()) + "-" + GetParam());
  const pid_t child = ::fork();
  if (child == 0) {
    const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    ::dup2(file, STDOUT_FILENO);
    std::fputs("host;", stdout);
    BackendHost host(make_backend());
    const WorkerId leaves = host.start();
    const WorkerId exits = host.start();
    host.ask(leaves, Order::print, 0, "leaves;");
    host.ask(exits, Order::print, 0, "exits;");
    host.order(leaves, Order::leave);
    host.end_of(leaves);
    host.order(exits, Order::call_exit);
    host.end_of(exits);
    host.backend->close();
    std::fflush(stdout);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  std::FILE* file = std::fopen(path.c_str(), "r");
  char text[256] = {};
  EXPECT_GT(std::fread(text, 1, sizeof text - 1, file), 0U);
  std::fclose(file);
  std::filesystem::remove(path);
  if (GetParam() == "fork") {
    EXPECT_STREQ(text, "host;leaves;exits;");
  } else {
    EXPECT_STREQ(text, "leaves;exits;host;");
  }
}

TEST_P(PosixBackendTest, OpensWhileAnotherThreadWaitsForInput) {
  // A thread in fgets(stdin) holds the lock that fflush(nullptr) wants.
  const pid_t child = ::fork();
  if (child == 0) {
    int fds[2];
    if (::pipe(fds) != 0) ::_exit(1);
    ::dup2(fds[0], STDIN_FILENO);
    std::thread([] {
      char line[16];
      [[maybe_unused]] const char* got = std::fgets(line, sizeof line, stdin);
    }).detach();
    while (::ftrylockfile(stdin) == 0) {
      ::funlockfile(stdin);
      std::this_thread::yield();
    }
    BackendHost host(make_backend());
    ::_exit(host.ask(host.start(), Order::add_one, 1) == 2 ? 42 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST(ForkBackendTest, RefusesAWorkerProgram) {
  WorkerSetup setup;
  setup.program = "/bin/true";
  try {
    BackendHost host(detail::make_backend(Backend::fork), setup);
    FAIL() << "open() did not throw";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("worker_program"), std::string::npos);
  }
}

TEST(ForkBackendTest, AnExitInATaskDoesNotRunTheHostsExitHandlers) {
  if (const auto reason = exit_runs_handlers_of_host(); !reason.empty()) GTEST_SKIP() << reason;
  const auto path =
      std::filesystem::temp_directory_path() / ("procpool-atexit-" + std::to_string(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) {
    static std::string file;
    file = path;
    std::atexit([] { std::fclose(std::fopen(file.c_str(), "w")); });
    BackendHost host(detail::make_backend(Backend::fork));
    const WorkerId id = host.start();
    host.order(id, Order::call_exit, 9);
    ::_exit(host.end_of(id) == ExitStatus::from_code(9) ? 42 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_FALSE(std::filesystem::remove(path)) << "a handler of the host ran in the worker";
}

TEST(ForkBackendTest, OutOfProcessesIsToldOfTheStartAndLeavesTheRestAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become a user who has no other processes";
  const pid_t child = ::fork();
  if (child == 0) {
    const rlim_t most =
        12;  // the host, the launcher and some workers; sanitizers add threads, which count too
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_NPROC, &limit);
    if (::setuid(54'321) != 0) ::_exit(1);
    BackendHost host(make_named("fork"));
    const WorkerId first = host.start();
    if (!host.ask(first, Order::add_one)) ::_exit(2);
    WorkerId last = first;
    for (rlim_t i = 0; i < most && !host.events.lives[last].failed; ++i) {
      last = host.start();
      if (!host.until([&] { return host.events.lives[last].started || host.events.lives[last].failed; }))
        ::_exit(3);
    }
    if (host.events.lives[last].failed != std::errc::resource_unavailable_try_again) ::_exit(4);
    if (!host.ask(first, Order::add_one)) ::_exit(5);
    try {
      BackendHost other(make_named("fork"));
    } catch (const SpawnError& error) {
      ::_exit(error.code() == std::errc::resource_unavailable_try_again ? 42 : 6);
    }
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

class ExecutingBackendTest : public NamedBackendTest {};

INSTANTIATE_TEST_SUITE_P(Backends, ExecutingBackendTest, ::testing::Values("forkserver", "spawn"), name_of);

TEST_P(ExecutingBackendTest, OpenNamesAWorkerProgramThatIsNotThere) {
  for (const char* program : {"/no/such/program", "no-such-program-in-path", "/etc/passwd"}) {
    WorkerSetup setup;
    setup.program = program;
    try {
      BackendHost host(make_backend(), setup);
      FAIL() << "open() did not throw";
    } catch (const SpawnError& error) {
      EXPECT_TRUE(error.code()) << error.what();
      EXPECT_NE(std::string(error.what()).find(program), std::string::npos) << error.what();
    }
  }
}

TEST_P(ExecutingBackendTest, OpenTellsThatAWorkerProgramDoesNotCallInit) {
  for (const char* program : {"true", "/bin/false"}) {
    WorkerSetup setup;
    setup.program = program;
    try {
      BackendHost host(make_backend(), setup);
      FAIL() << "open() did not throw";
    } catch (const NotInitializedError& error) {
      EXPECT_NE(std::string(error.what()).find("procpool::init(argc, argv);"), std::string::npos);
    }
  }
}

TEST_P(ExecutingBackendTest, TooLargeAnEnvironmentIsAnErrorOfOpen) {
  WorkerSetup setup;
  setup.environment["PROCPOOL_TEST_LARGE"] = std::string(4 << 20, 'x');
  try {
    BackendHost host(make_backend(), setup);
    FAIL() << "open() did not throw";
  } catch (const SpawnError& error) {
    EXPECT_EQ(error.code(), std::errc::argument_list_too_long);
  }
}

}  // namespace
}  // namespace procpool::testing
