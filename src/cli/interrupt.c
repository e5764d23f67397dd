/* interrupt.c: signals, taken by a thread of their own. No other thread is ever interrupted: code
 * that the matrix library generates does not survive a handler on its stack. */
#include "cli/interrupt.h"

#include "cli/file.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* The thread that takes signals and the one that runs the job both use these. The lock keeps the
 * job from being released while it is told to stop. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static heta_job *watched;
static atomic_int received;
static bool noted, finished;

static void handle(int number) {
  static const char text[] =
      "\nheta: stopping at the next batch; press Ctrl-C again to end at once\n";
  pthread_mutex_lock(&lock);
  if (finished) { /* all is written: too late to stop anything */
    pthread_mutex_unlock(&lock);
    return;
  }
  if (received || (!watched && !noted)) {
    cli_file_abandon();
    _exit(128 + number);
  }
  received = number;
  if (watched) {
    heta_job_cancel(watched);
    ssize_t ignored = number == SIGINT ? write(STDERR_FILENO, text, sizeof text - 1) : 0;
    (void)ignored;
  }
  pthread_mutex_unlock(&lock);
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static sigset_t awaited;

static void *take_signals(void *unused) {
  for (int number; sigwait(&awaited, &number) == 0;) handle(number);
  return unused;
}

void cli_interrupt_install(void) {
  struct sigaction action, before;
  pthread_t thread;
  sigemptyset(&awaited);
  /* nohup and background shells have signals ignored: leave them so. */
  for (size_t i = 0; i < NUMBERS; i++)
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaddset(&awaited, numbers[i]);
  /* Threads made from now on inherit the mask. Without the thread, signals end the program. */
  pthread_sigmask(SIG_BLOCK, &awaited, NULL);
  if (pthread_create(&thread, NULL, take_signals, NULL) == 0)
    pthread_detach(thread);
  else
    pthread_sigmask(SIG_UNBLOCK, &awaited, NULL);
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, NULL);
}

void cli_interrupt_watch(heta_job *job) {
  pthread_mutex_lock(&lock);
  watched = job;
  pthread_mutex_unlock(&lock);
}

void cli_interrupt_note(void) {
  pthread_mutex_lock(&lock);
  noted = true;
  pthread_mutex_unlock(&lock);
}

void cli_interrupt_finish(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_IGN;
  for (size_t i = 0; i < NUMBERS; i++) sigaction(numbers[i], &action, NULL);
  pthread_mutex_lock(&lock);
  watched = NULL;
  finished = true;
  pthread_mutex_unlock(&lock);
}

int cli_interrupt_signal(void) { return received; }
