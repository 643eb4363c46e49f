// SPDX-License-Identifier: MIT
// What happens to workers when their launcher or their host dies, at any moment and in any way.
#include "posix/backend_fixture.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

class GuardianTest : public NamedBackendTest {};

INSTANTIATE_TEST_SUITE_P(Backends, GuardianTest, ::testing::Values("fork", "forkserver", "spawn"), name_of);

TEST_P(GuardianTest, WorkersDieWithAKilledLauncherAndAnotherTakesItsPlace) {
  BackendHost host(make_backend());
  const WorkerId first = host.start();
  const WorkerId second = host.start();
  ASSERT_TRUE(host.ask(first, Order::loop_forever));
  const auto child = host.ask(second, Order::leave_child);
  ASSERT_TRUE(child);
  ASSERT_TRUE(host.ask(second, Order::pause_forever));
  const Pid launcher = parent_of(host.events.lives[first].pid);
  ::kill(launcher, SIGKILL);
  EXPECT_EQ(host.end_of(first), ExitStatus());
  EXPECT_EQ(host.end_of(second), ExitStatus());
  EXPECT_TRUE(dies_soon(host.events.lives[first].pid));
  EXPECT_TRUE(dies_soon(host.events.lives[second].pid));
  EXPECT_TRUE(dies_soon(static_cast<Pid>(*child)));

  const WorkerId third = host.start();
  EXPECT_EQ(host.ask(third, Order::add_one, 1), 2);
  EXPECT_NE(parent_of(host.events.lives[third].pid), launcher);
}

TEST_P(GuardianTest, AStartThatMeetsADeadLauncherGetsANewOne) {
  BackendHost host(make_backend());
  const WorkerId first = host.start();
  ASSERT_TRUE(host.ask(first, Order::add_one));
  const Pid launcher = parent_of(host.events.lives[first].pid);
  ::kill(launcher, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(launcher), &info, WEXITED | WNOWAIT), 0);  // all its threads
  const WorkerId second = host.start();  // before the loop has seen the end
  EXPECT_EQ(host.ask(second, Order::add_one, 1), 2);
  EXPECT_EQ(host.end_of(first), ExitStatus());
}

/// What this program has in memory before its main() runs, if the environment says so.
const std::string ballast(std::getenv("PROCPOOL_TEST_BALLAST") != nullptr ? 128UL << 20U : 0, 'x');

TEST(GuardianOfForkedWorkers, WhatANewLauncherHasInMemoryDoesNotCountForItsWorkers) {
  for (const std::string backend : {"fork", "forkserver"}) {
    WorkerSetup setup;
    setup.environment = {{"PROCPOOL_TEST_BALLAST", "yes"}};
    BackendHost host(make_named(backend), setup);
    const WorkerId first = host.start();
    ASSERT_TRUE(host.ask(first, Order::add_one));
    ::kill(parent_of(host.events.lives[first].pid), SIGKILL);
    ASSERT_TRUE(host.end_of(first));
    const WorkerId second = host.start();
    ASSERT_TRUE(host.ask(second, Order::add_one));
    const auto footprint = host.workers[second]->footprint();
    ASSERT_TRUE(footprint);
    EXPECT_LT(footprint->bytes(), 64UL << 20U) << backend << ballast.size();
  }
}

TEST_P(GuardianTest, SettlesEveryStartWhenTheLauncherDiesAtAnyMoment) {
  for (int round = 0; round < 20; ++round) {
    BackendHost host(make_backend());
    const WorkerId known = host.start();
    ASSERT_TRUE(host.ask(known, Order::add_one));
    const Pid launcher = parent_of(host.events.lives[known].pid);
    for (int i = 0; i < 8; ++i) {
      host.start();
      if (i == round % 8) ::kill(launcher, SIGKILL);
    }
    // Those that met the dead launcher's successor live on.
    EXPECT_TRUE(host.until([&] { return host.events.lives[known].exited.has_value(); }));
    for (auto& [id, worker] : host.workers) {
      EXPECT_TRUE(host.until([&, which = id] {
        const auto& life = host.events.lives[which];
        return life.failed || life.exited || host.ask(which, Order::add_one).has_value();
      }));
      EXPECT_FALSE(host.events.lives[id].out_of_order);
    }
  }
}

/// Runs `host` in a forked process, kills that one with SIGKILL once it has said which processes it knows,
/// and expects that those die.
template <class Host>
void expect_no_orphans(Host host) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  for (const int fd : fds) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(fds[0]);
    host([&](Pid pid) { [[maybe_unused]] const auto count = ::write(fds[1], &pid, sizeof pid); });
    const Pid end = 0;
    [[maybe_unused]] const auto count = ::write(fds[1], &end, sizeof end);
    for (;;) ::pause();
  }
  ::close(fds[1]);
  std::vector<Pid> pids;
  for (Pid pid = 0; ::read(fds[0], &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid) && pid != 0;) {
    pids.push_back(pid);
  }
  ::close(fds[0]);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GE(pids.size(), 3U);
  for (const Pid pid : pids) EXPECT_TRUE(dies_soon(pid));
}

TEST_P(GuardianTest, NothingOutlivesAHostThatIsKilled) {
  expect_no_orphans([](auto tell) {
    auto* host = new BackendHost(make_backend());
    for (const Order order : {Order::add_one, Order::loop_forever, Order::pause_forever}) {
      const WorkerId id = host->start();
      if (const auto child = host->ask(id, Order::leave_child)) tell(static_cast<Pid>(*child));
      if (const auto child = host->ask(id, Order::leave_session)) tell(static_cast<Pid>(*child));
      host->ask(id, order);
      tell(host->events.lives[id].pid);
      tell(parent_of(host->events.lives[id].pid));
    }
  });
}

/// A host that forks a child of its own, which does `in_child` and lives until the host's worker is gone.
template <class InChild>
void expect_no_orphans_with_a_forked_child(const std::shared_ptr<ProcessBackend>& backend, InChild in_child) {
  expect_no_orphans([&](auto tell) {
    auto* host = new BackendHost(backend);
    const WorkerId id = host->start();
    host->ask(id, Order::pause_forever);
    tell(host->events.lives[id].pid);
    tell(parent_of(host->events.lives[id].pid));
    const pid_t child = ::fork();
    if (child == 0) {
      in_child();
      dies_soon(host->events.lives[id].pid);
      ::_exit(0);
    }
    tell(child);
    if (!host->ask(host->start(), Order::add_one)) ::_exit(1);
  });
}

TEST_P(GuardianTest, AChildThatTheHostForksDoesNotKeepWorkersAlive) {
  expect_no_orphans_with_a_forked_child(make_backend(), [] {});
}

TEST_P(GuardianTest, AChildThatTheHostForksMayCloseItsCopyOfThePool) {
  const auto backend = make_backend();
  expect_no_orphans_with_a_forked_child(backend, [&] { backend->close(); });
}

}  // namespace
}  // namespace procpool::testing
