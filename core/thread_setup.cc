#include "core/thread_setup.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>

#include "core/assert.h"

namespace sluice {

void set_up_thread(const std::string& name) {
  SLUICE_ASSERT(name.size() <= 15, "the kernel keeps 15 bytes of a thread's name");
  pthread_setname_np(pthread_self(), name.c_str());
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::vector<unsigned> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Asked of the process's first thread, which is never pinned. More than 1,024 processors do not
  // fit: then the first core stands for all.
  if (sched_getaffinity(getpid(), sizeof(set), &set) != 0) return {0};
  std::vector<unsigned> cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

void keep_on_cores(const std::vector<unsigned>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned core : cores) CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace sluice
