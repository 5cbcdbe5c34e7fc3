/* Preloaded into a program under test: its clocks are shifted by as many nanoseconds as stand in the
 * file that SLUICE_CLOCK_SHIFT names, at every moment anew: 8 bytes in the machine's order for the
 * wall clock, 8 for the steady one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct shifts {
  int64_t wall;
  int64_t steady;
};
static const volatile struct shifts *shifts;

__attribute__((constructor)) static void open_shifts(void) {
  const char *path = getenv("SLUICE_CLOCK_SHIFT");
  if (path == NULL) abort();
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  void *memory = mmap(NULL, sizeof *shifts, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) abort();
  close(file);
  shifts = memory;
}

static const int64_t second = 1000000000;

static int64_t shift_of(clockid_t clock) {
  if (shifts == NULL) return 0;
  if (clock == CLOCK_REALTIME) return shifts->wall;
  return clock == CLOCK_MONOTONIC ? shifts->steady : 0;
}

static struct timespec moved(const struct timespec *time, int64_t by) {
  int64_t nanoseconds = time->tv_sec * second + time->tv_nsec + by;
  return (struct timespec){.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0) *time = moved(time, shift_of(clock));
  return result;
}

/* The kernel waits by its own clock: what was read from a shifted one is shifted back. A shift during
 * the wait does not end it. */
int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until) {
  static int (*wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
  if (wait == NULL) *(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  struct timespec kernel_until = moved(until, -shift_of(clock));
  return wait(condition, mutex, clock, &kernel_until);
}
