// SPDX-License-Identifier: MIT
#include "posix/signals.hpp"

#include <initializer_list>

#include <pthread.h>
#include <sys/time.h>

namespace procpool::posix {

namespace {

/// 0 takes it back.
void set_alarm(std::chrono::milliseconds after) noexcept {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(after.count() / 1000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(after.count() % 1000 * 1000);
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

BlockedSignals::BlockedSignals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

BlockedSignals::~BlockedSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

EndIfStuck::EndIfStuck(std::chrono::milliseconds patience) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, &action_before_);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarm, &mask_before_);
  set_alarm(patience);
}

EndIfStuck::~EndIfStuck() {
  set_alarm(std::chrono::milliseconds(0));
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  sigaction(SIGALRM, &action_before_, nullptr);
}

void unblock_all_signals() noexcept {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void set_signal_handler(int signum, void (*handler)(int), int flags) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signum, &action, nullptr);  // fails for signals that the C library keeps for itself
}

InheritedSignals reset_signals() noexcept {
  InheritedSignals inherited;
  for (int signum = 1; signum < NSIG; ++signum) {
    struct sigaction action {};
    if (sigaction(signum, nullptr, &action) != 0) continue;
    const bool caught =
        (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
    const bool ignored = !caught && action.sa_handler == SIG_IGN;
    if (signum == SIGHUP) inherited.hangup_ignored = ignored;
    if (signum == SIGPIPE) inherited.broken_pipe_ignored = ignored;
    if (caught) set_signal_handler(signum, SIG_DFL, 0);
  }
  return inherited;
}

void ignore_launcher_signals() noexcept {
  for (const int signum : {SIGINT, SIGHUP, SIGPIPE, SIGTTOU}) set_signal_handler(signum, SIG_IGN, 0);
}

void restore_worker_signals(const InheritedSignals& inherited) noexcept {
  set_signal_handler(SIGCHLD, SIG_DFL, 0);
  set_signal_handler(SIGTERM, SIG_DFL, 0);
  if (!inherited.hangup_ignored) set_signal_handler(SIGHUP, SIG_DFL, 0);
  if (!inherited.broken_pipe_ignored) set_signal_handler(SIGPIPE, SIG_DFL, 0);
}

sigset_t worker_default_signals(const InheritedSignals& inherited) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  if (!inherited.hangup_ignored) sigaddset(&set, SIGHUP);
  if (!inherited.broken_pipe_ignored) sigaddset(&set, SIGPIPE);
  return set;
}

}  // namespace procpool::posix
