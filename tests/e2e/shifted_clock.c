/* Preloaded into a program under test: its clocks are shifted by as many nanoseconds as stand in the
 * file that SLUICE_CLOCK_SHIFT names, at every moment anew: 8 bytes in the machine's order for the
 * wall clock, 8 for the steady one. */
#include <fcntl.h>
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

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || shifts == NULL) return result;
  int64_t shift = 0;
  if (clock == CLOCK_REALTIME) shift = shifts->wall;
  if (clock == CLOCK_MONOTONIC) shift = shifts->steady;
  const int64_t second = 1000000000;
  int64_t nanoseconds = time->tv_sec * second + time->tv_nsec + shift;
  time->tv_sec = nanoseconds / second;
  time->tv_nsec = nanoseconds % second;
  return 0;
}
