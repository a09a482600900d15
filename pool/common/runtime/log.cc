#include "pool/common/runtime/log.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "pool/common/runtime/check.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log_format.h"
#include "pool/common/runtime/log_scope.h"

namespace storagepool::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> make_logger(std::string_view component, Level lowest) {
  auto logger = std::make_shared<spdlog::logger>(std::string(component),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");  // the payload is the finished line
  logger->set_level(to_spdlog(lowest));
  return logger;
}

// The logger in use; spdlog's own is thread-safe, what needs guarding is its replacement by configure().
class Current {
 public:
  std::shared_ptr<spdlog::logger> get() {
    const std::lock_guard lock(mutex_);
    return logger_;
  }
  void set(std::shared_ptr<spdlog::logger> logger) {
    const std::lock_guard lock(mutex_);
    logger_ = std::move(logger);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<spdlog::logger> logger_ = make_logger("", Level::kInfo);
};

Current& current() {
  static Current instance;
  return instance;
}

std::vector<Field>& scoped() {
  thread_local std::vector<Field> fields;
  return fields;
}

void write(Level level, std::string_view message, Fields fields) {
  const auto logger = current().get();
  if (!logger->should_log(to_spdlog(level))) return;
  const std::string line =
      format_line(runtime::wall_now(), level, logger->name(), message, fields, scoped_fields());
  logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

// A violated check as a line of its own; its facts in one text, which is what a list of fields cannot be made
// of.
void report(const check::Violation& violation) {
  std::string facts;
  for (const check::Fact& fact : violation.facts) {
    facts += (facts.empty() ? "" : ", ") + std::string(fact.name) + " " + std::to_string(fact.value);
  }
  write(Level::kError, "a check is violated",
        {{"check", violation.what},
         {"facts", facts},
         {"file", violation.file},
         {"line", violation.line},
         {"fatal", violation.fatal},
         {"times", violation.times}});
}

}  // namespace

void configure(std::string_view component, Level lowest) {
  current().set(make_logger(component, lowest));
  check::report_to(&report);
}

Scope::Scope(Fields fields) : outer_(scoped().size()) {
  scoped().insert(scoped().end(), fields.begin(), fields.end());
}

Scope::~Scope() {
  scoped().erase(scoped().begin() + static_cast<std::ptrdiff_t>(outer_), scoped().end());
}

const std::vector<Field>& scoped_fields() {
  return scoped();
}

void debug(std::string_view message, Fields fields) {
  write(Level::kDebug, message, fields);
}
void info(std::string_view message, Fields fields) {
  write(Level::kInfo, message, fields);
}
void warn(std::string_view message, Fields fields) {
  write(Level::kWarn, message, fields);
}
void error(std::string_view message, Fields fields) {
  write(Level::kError, message, fields);
}

}  // namespace storagepool::log
