// faulty_disk: loaded before the C library into a program under test, makes the disk under its
// spool slow, stalled or broken, as the test says in a shared page (faulty_disk.py has its other
// half).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

// The shared page. The first three are the test's, the last is ours.
struct Orders {
  std::atomic<std::uint32_t> holds_syncs;
  std::atomic<std::uint32_t> sync_delay_milliseconds;
  std::atomic<std::uint32_t> fails_meta_writes;
  std::atomic<std::uint32_t> syncs_held;  // that wait now
};

Orders* orders() {
  static Orders* const page = [] -> Orders* {
    const char* const path = std::getenv("SLUICE_FAULTY_DISK");
    const int descriptor = path != nullptr ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return nullptr;
    void* const at =
        mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    return at == MAP_FAILED ? nullptr : static_cast<Orders*>(at);
  }();
  return page;
}

bool is_of_spool(int descriptor) {
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, 4096> target{};
  const auto length = readlink(link.c_str(), target.data(), target.size());
  return length > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(length)).ends_with("/data.mdb");
}

void pause(std::uint32_t milliseconds) {
  const timespec time{.tv_sec = milliseconds / 1000,
                      .tv_nsec = static_cast<long>(milliseconds % 1000) * 1'000'000};
  nanosleep(&time, nullptr);
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): the names are the C library's.
extern "C" {

int fdatasync(int descriptor) {
  static const auto next = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "fdatasync"));
  if (auto* const page = orders(); page != nullptr && is_of_spool(descriptor)) {
    pause(page->sync_delay_milliseconds);
    page->syncs_held.fetch_add(1);
    while (page->holds_syncs != 0) pause(1);
    page->syncs_held.fetch_sub(1);
  }
  return next(descriptor);
}

// LMDB writes its meta page through a descriptor that syncs each write.
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static const auto next =
      reinterpret_cast<ssize_t (*)(int, const void*, size_t, off_t)>(dlsym(RTLD_NEXT, "pwrite"));
  auto* const page = orders();
  if (page != nullptr && page->fails_meta_writes != 0 && is_of_spool(descriptor) &&
      (fcntl(descriptor, F_GETFL) & O_DSYNC) != 0) {
    errno = EIO;
    return -1;
  }
  return next(descriptor, bytes, size, offset);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
