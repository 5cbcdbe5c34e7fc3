/* Preloaded into a program under test: its wall clock is shifted by as many nanoseconds as stand in
 * the file that SLUICE_CLOCK_SHIFT names, 8 bytes in the machine's order, at every moment anew. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void) {
  const char *path = getenv("SLUICE_CLOCK_SHIFT");
  if (path == NULL) abort();
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  void *memory = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) abort();
  close(file);
  shift = memory;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_REALTIME || shift == NULL) return result;
  const int64_t second = 1000000000;
  int64_t nanoseconds = time->tv_sec * second + time->tv_nsec + *shift;
  time->tv_sec = nanoseconds / second;
  time->tv_nsec = nanoseconds % second;
  return 0;
}
