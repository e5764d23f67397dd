/* interrupt.c: signal handlers. Whatever they call is async-signal-safe. */
#include "cli/interrupt.h"

#include "cli/output.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static heta_job *volatile watched;
static volatile sig_atomic_t received, noted;

static void handle(int number) {
  static const char text[] =
      "\nheta: stopping at the next batch; press Ctrl-C again to end at once\n";
  int kept = errno;
  if (received || (!watched && !noted)) {
    cli_output_abandon();
    _exit(128 + number);
  }
  received = number;
  if (!watched) return;
  heta_job_cancel(watched);
  ssize_t ignored = number == SIGINT ? write(STDERR_FILENO, text, sizeof text - 1) : 0;
  (void)ignored;
  errno = kept;
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

void cli_interrupt_install(void) {
  struct sigaction action, before;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  action.sa_handler = handle;
  for (size_t i = 0; i < NUMBERS; i++) {
    /* nohup and background shells have signals ignored: leave them so. */
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(numbers[i], &action, NULL);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, NULL);
}

void cli_interrupt_watch(heta_job *job) { watched = job; }

void cli_interrupt_note(void) { noted = 1; }

void cli_interrupt_finish(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_IGN;
  for (size_t i = 0; i < NUMBERS; i++) sigaction(numbers[i], &action, NULL);
  watched = NULL;
}

int cli_interrupt_signal(void) { return received; }
