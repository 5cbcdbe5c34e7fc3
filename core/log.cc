// One line per event, queued to spdlog's thread and written there in as few writes as the queue
// allows. The sink is our own: it appends, reopens after a rotation, and reports lost lines itself.
#include "core/log.h"

#include <fcntl.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "core/clock.h"

namespace sluice {

namespace {

constexpr std::size_t kQueuedLinesMax = 8192;
constexpr std::size_t kBufferedBytesMax = 65536;  // what may wait for one write(2)
constexpr Duration kDropReportInterval = std::chrono::seconds(1);

// Writes all of it; false when the disk or the reader refuses.
bool write_fully(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<int> open_log_file(const std::string& path) {
  if (path.empty()) {
    const int copy = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return std::unexpected(system_error("standard error", errno));
    return copy;
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) return std::unexpected(system_error("log file " + path, errno));
  return descriptor;
}

// Where the lines end, on the logger's thread. Its mutex keeps reopen_log() apart from a write.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LineSink(int descriptor, LogFormat format) : descriptor_(descriptor), format_(format) {}
  ~LineSink() override {
    report_dropped();
    write_out();
    ::close(descriptor_);
  }

  // The pool that feeds this sink, from before its first line until after its thread has ended;
  // a plain pointer, since a shared one could end the pool on the pool's own thread.
  void watch(spdlog::details::thread_pool* pool) { pool_ = pool; }
  void unwatch(std::uint64_t overrun) {
    pool_ = nullptr;
    overrun_ = overrun;
  }

  void replace(int descriptor) {
    const std::lock_guard lock(mutex_);
    write_out();
    ::close(std::exchange(descriptor_, descriptor));
  }

  std::uint64_t dropped() const {
    return (pool_ != nullptr ? pool_->overrun_counter() : overrun_) + unwritten_.load();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    buffer_.append(message.payload.data(), message.payload.size());
    buffer_ += '\n';
    ++buffered_lines_;

    const bool is_idle = pool_->queue_size() == 0;
    const Instant now = Clock().now();
    if (is_idle || now - last_drop_report_ >= kDropReportInterval) {
      report_dropped();
      last_drop_report_ = now;
    }
    if (is_idle || buffer_.size() >= kBufferedBytesMax) write_out();
  }

  void flush_() override { write_out(); }

  void write_out() {
    if (!write_fully(descriptor_, buffer_)) unwritten_ += buffered_lines_;
    buffer_.clear();
    buffered_lines_ = 0;
  }

  void report_dropped() {
    const std::uint64_t now_dropped = dropped();
    if (now_dropped == reported_dropped_) return;
    const LogField count("count", now_dropped - reported_dropped_);
    buffer_ += log_line(format_, {.time = Clock().wall(),
                                  .level = LogLevel::warning,
                                  .name = "log_lines_dropped",
                                  .fields = {&count, 1}});
    buffer_ += '\n';
    reported_dropped_ = now_dropped;
  }

  int descriptor_;
  LogFormat format_;
  spdlog::details::thread_pool* pool_ = nullptr;
  std::uint64_t overrun_ = 0;  // of the queue, once it is gone
  std::string buffer_;
  std::uint64_t buffered_lines_ = 0;
  std::uint64_t reported_dropped_ = 0;
  Instant last_drop_report_{0};
  std::atomic<std::uint64_t> unwritten_{0};  // the disk refused them
};

// The open log.
struct Log {
  Log(int descriptor, const LogSettings& log_settings)
      : settings(log_settings),
        sink(std::make_shared<LineSink>(descriptor, settings.format)),
        pool(std::make_shared<spdlog::details::thread_pool>(kQueuedLinesMax, 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "sluice", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    sink->watch(pool.get());
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() {
    const std::uint64_t overrun = pool->overrun_counter();  // nobody queues any more
    pool.reset();                                           // its thread ends after the last line
    logger.reset();  // each line that waited referred to it: this is the last reference
    sink->unwatch(overrun);
  }

  LogSettings settings;
  std::shared_ptr<LineSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

// The process's one log (see log.h). The lock is shared by writers of lines and held alone only
// while the log is opened or closed.
struct ProcessLog {
  std::shared_mutex mutex;
  std::unique_ptr<Log> log;
  std::atomic<LogLevel> level{LogLevel::info};
  std::atomic<std::uint64_t> dropped_before{0};  // by logs that are closed
};

ProcessLog& process_log() {
  static ProcessLog instance;
  return instance;
}

// The caller holds the lock alone.
void replace_log(ProcessLog& process, std::unique_ptr<Log> log) {
  if (process.log != nullptr) {
    const auto sink = process.log->sink;
    process.log.reset();
    process.dropped_before += sink->dropped();
  }
  process.log = std::move(log);
}

}  // namespace

class PreparedLog {
 public:
  explicit PreparedLog(std::unique_ptr<Log> log) : log_(std::move(log)) {}
  std::unique_ptr<Log> take() { return std::move(log_); }

 private:
  std::unique_ptr<Log> log_;
};

Result<std::shared_ptr<PreparedLog>> prepare_log(const LogSettings& settings) {
  SLUICE_TRY(descriptor, open_log_file(settings.file));
  return std::make_shared<PreparedLog>(std::make_unique<Log>(descriptor, settings));
}

void adopt_log(const std::shared_ptr<PreparedLog>& prepared) {
  auto log = prepared->take();
  const LogLevel level = log->settings.level;
  ProcessLog& process = process_log();
  const std::unique_lock lock(process.mutex);
  replace_log(process, std::move(log));
  process.level = level;
}

Result<void> open_log(const LogSettings& settings) {
  SLUICE_TRY(prepared, prepare_log(settings));
  adopt_log(prepared);
  return {};
}

void close_log() {
  ProcessLog& process = process_log();
  const std::unique_lock lock(process.mutex);
  replace_log(process, nullptr);
}

void reopen_log() {
  ProcessLog& process = process_log();
  std::string problem;
  {
    const std::shared_lock lock(process.mutex);
    if (process.log == nullptr) return;
    auto descriptor = open_log_file(process.log->settings.file);
    if (descriptor) {
      process.log->sink->replace(*descriptor);
    } else {
      problem = descriptor.error().sentence();
    }
  }
  if (!problem.empty()) SLUICE_LOG(error, "log_reopen_failed", {"reason", problem});
}

std::uint64_t log_lines_dropped() {
  ProcessLog& process = process_log();
  const std::shared_lock lock(process.mutex);
  return process.dropped_before + (process.log == nullptr ? 0 : process.log->sink->dropped());
}

bool is_logged(LogLevel level) {
  return level >= process_log().level.load(std::memory_order_relaxed);
}

void write_log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const LogEvent happened{.time = Clock().wall(), .level = level, .name = event, .fields = fields};
  ProcessLog& process = process_log();
  const std::shared_lock lock(process.mutex);
  if (process.log == nullptr) {
    const std::string line = log_line(LogFormat::text, happened) + '\n';
    if (!write_fully(STDERR_FILENO, line)) ++process.dropped_before;
    return;
  }
  process.log->logger->log(spdlog::level::info, log_line(process.log->settings.format, happened));
}

}  // namespace sluice
