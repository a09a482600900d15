// The access log: one line of JSON on standard output for each request that is to be logged, with `time`,
// `level` and `component` as in the program's log and what http/exchange.h has. It never shows a token: no
// header is in it, of the query only the values that choose a page or a time, and of the path no part as long
// as a token.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "pool/common/http/exchange.h"
#include "pool/common/http/router.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/access_log.h"

namespace storagepool::service {

// Without the line end.
std::string access_line(const http::Exchange& exchange, std::string_view route, runtime::Timestamp now);

class AccessLog {
 public:
  // Of requests to `routes`, which must outlive it. `write` is thread-safe if `record` is to be.
  AccessLog(settings::AccessLog setting, const http::Router& routes,
            std::function<void(const std::string& line)> write)
      : setting_(setting), routes_(routes), write_(std::move(write)) {}

  void record(const http::Exchange& exchange, runtime::Timestamp now);

 private:
  const settings::AccessLog setting_;
  const http::Router& routes_;
  const std::function<void(const std::string& line)> write_;
  bool wants(unsigned status);

  std::mutex mutex_;
  std::int64_t until_next_ = 0;
};

// Writes lines to standard output.
std::function<void(const std::string& line)> to_standard_output();

}  // namespace storagepool::service
