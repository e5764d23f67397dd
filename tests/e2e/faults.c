/* faults.c: makes a call of a program fail, for test_faults.py: loaded before the program
 * (LD_PRELOAD), told what by the environment.
 *
 * HETA_FAULT_KIND   "io": system calls that open, read, write, sync or name files; "memory":
 *                   allocations of any library
 * HETA_FAULT_AT     the call that fails, from 1 on; 0: none
 * HETA_FAULT_STAYS  set: and all after it
 * HETA_FAULT_SIZE   set: only blocks of so many bytes are counted
 * HETA_FAULT_COUNT  a file of eight bytes, where the number of calls is kept
 *
 * System calls are caught by a seccomp filter, so that those inside the C library count as well:
 * the kernel sends SIGSYS, and the handler makes the call or refuses it. Calls about standard
 * error, on which the program must be able to say what happened, and removals of files are left
 * alone.
 *
 * Two kinds of allocations are not counted. oneDNN makes its kernels within the first product and
 * does not look whether it got memory for them: refused it, the program ends by signal 11, whoever
 * calls. heta sees to it that there is room (heta_i_cpu_prepare), which test_limits.py tries. And
 * of the 23,000 that C++ then makes for names of places in the code, which all end in one handler,
 * each thousandth is enough. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { NONE, IO, MEMORY };

static int kind;
static long failing;
static size_t only; /* blocks of this size; 0: of any */
static bool stays;
static atomic_long unwatched, *calls = &unwatched;

static bool refused(void) {
  long call = atomic_fetch_add(calls, 1) + 1;
  return failing && (call == failing || (stays && call > failing));
}

/* ---- Allocations ----------------------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* Which library an address belongs to. Asking takes as long as a hundred allocations, so that
 * answers are kept. */
enum { ELSEWHERE = 1, ONEDNN, CPP };
static int library_of(const void *caller) {
  static _Atomic uintptr_t kept[4096]; /* 4 × address + library */
  uintptr_t address = (uintptr_t)caller;
  _Atomic uintptr_t *place = &kept[address % (sizeof kept / sizeof *kept)];
  uintptr_t answer = atomic_load(place);
  Dl_info about;
  if (answer >> 2 == address) return (int)(answer & 3);
  int library = ELSEWHERE;
  if (dladdr(caller, &about)) {
    if (strstr(about.dli_fname, "libdnnl")) library = ONEDNN;
    if (strstr(about.dli_fname, "libstdc++")) library = CPP;
  }
  atomic_store(place, 4 * address + (uintptr_t)library);
  return library;
}

/* From where the block is asked for decides whether it counts. */
static bool counts(const void *caller, size_t size) {
  static atomic_long names;
  switch (library_of(caller)) {
  case ONEDNN: return size >= 8192; /* kernels are smaller */
  case CPP: return atomic_fetch_add(&names, 1) % 1000 == 0;
  default: return true;
  }
}

static bool no_memory(const void *caller, size_t size) {
  if (kind != MEMORY || (only && size != only)) return false;
  if (!counts(caller, size) || !refused()) return false;
  errno = ENOMEM;
  return true;
}

#define REFUSED(size) no_memory(__builtin_return_address(0), size)

void *malloc(size_t size) { return REFUSED(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
  return REFUSED(count * size) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
  return REFUSED(size) ? NULL : __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  return REFUSED(size) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  if (REFUSED(size)) return ENOMEM;
  void *block = __libc_memalign(alignment, size);
  if (block) *out = block;
  return block ? 0 : ENOMEM;
}

/* ---- System calls ---------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* The one place whose system calls the filter lets through: from here to its end. */
__asm__(".text\n"
        "faults_call:\n"
        "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n  mov %r9, %r8\n  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "faults_call_after:\n"
        "  ret\n");
long faults_call(long number, long a, long b, long c, long d, long e, long f);
extern const char faults_call_after[];

static const int WATCHED[] = {
    SYS_open,      SYS_openat, SYS_read,       SYS_pread64,   SYS_readv,  SYS_write,
    SYS_pwrite64,  SYS_writev, SYS_fsync,      SYS_fdatasync, SYS_close,  SYS_rename,
    SYS_renameat2, SYS_link,   SYS_linkat,     SYS_ftruncate, SYS_fchmod, SYS_mkdir,
    SYS_lseek,     SYS_fstat,  SYS_newfstatat, SYS_stat};
enum { COUNT = sizeof WATCHED / sizeof *WATCHED };

static void decide(int signal, siginfo_t *info, void *context) {
  (void)signal;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  long number = info->si_syscall, handle = r[REG_RDI];
  bool of_handle = number != SYS_open && number != SYS_openat && number != SYS_stat &&
                   number != SYS_newfstatat && number != SYS_mkdir && number != SYS_link &&
                   number != SYS_linkat && number != SYS_rename && number != SYS_renameat2;
  bool spared = of_handle && handle == STDERR_FILENO;
  bool fails = !spared && refused();
  if (!fails || number == SYS_close) {
    r[REG_RAX] =
        faults_call(number, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
  }
  if (fails) r[REG_RAX] = -EIO;
}

static bool watch_calls(void) {
  struct sock_filter filter[COUNT + 8];
  size_t n = 0;
  uint64_t through = (uint64_t)(uintptr_t)faults_call_after;
  struct sigaction action = {.sa_sigaction = decide, .sa_flags = SA_SIGINFO | SA_NODEFER};
#define LOAD(field)                                                                                \
  (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUAL(value, yes, no)                                                                      \
  (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define END(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, what)
  filter[n++] = LOAD(instruction_pointer);
  filter[n++] = EQUAL((uint32_t)through, 0, 3);
  filter[n] = LOAD(instruction_pointer);
  filter[n++].k += 4;
  filter[n++] = EQUAL((uint32_t)(through >> 32), 0, 1);
  filter[n++] = END(SECCOMP_RET_ALLOW);
  filter[n++] = LOAD(nr);
  for (size_t i = 0; i < COUNT; i++)
    filter[n++] = EQUAL((uint32_t)WATCHED[i], (uint8_t)(COUNT - i), 0);
  filter[n++] = END(SECCOMP_RET_ALLOW);
  filter[n++] = END(SECCOMP_RET_TRAP);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
  return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool watch_calls(void) { return false; }
#endif

/* ---- Beginning ------------------------------------------------------------------------------- */

/* 77: this machine cannot do it, which the test says as "skipped". */
static void give_up(void) { _exit(77); }

__attribute__((constructor)) static void begin(void) {
  const char *what = getenv("HETA_FAULT_KIND"), *at = getenv("HETA_FAULT_AT");
  const char *count = getenv("HETA_FAULT_COUNT"), *size = getenv("HETA_FAULT_SIZE");
  if (!what || !at || !count) return;
  int handle = open(count, O_RDWR);
  void *shared = handle < 0
                     ? MAP_FAILED
                     : mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
  if (shared == MAP_FAILED) give_up();
  close(handle);
  failing = strtol(at, NULL, 10);
  only = size ? strtoul(size, NULL, 10) : 0;
  stays = getenv("HETA_FAULT_STAYS") != NULL;
  unsetenv("LD_PRELOAD");
  calls = shared;
  kind = strcmp(what, "io") == 0 ? IO : MEMORY;
  if (kind == IO && !watch_calls()) give_up();
}
