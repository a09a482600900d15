#include "operator/manager/testing/audit_log.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <nlohmann/json.hpp>

#include "pool/common/json/json.h"

namespace storagepool::manager::testing {
namespace {

using json::integer_at;
using json::text_at;

std::optional<Write> read_write(const std::string& line) {
  const auto event = nlohmann::json::parse(line);
  const std::int64_t code = integer_at(event, "/responseStatus/code", 0);
  const std::string resource = text_at(event, "/objectRef/resource");
  const bool dry = text_at(event, "/requestURI").find("dryRun=") != std::string::npos;
  if (text_at(event, "/stage") != "ResponseComplete" || code < 200 || code >= 300 || dry) return std::nullopt;
  if (resource == "leases") return std::nullopt;
  return Write{.user = text_at(event, "/user/username"),
               .verb = text_at(event, "/verb"),
               .object = resource + " " + text_at(event, "/objectRef/namespace") + "/" +
                         text_at(event, "/objectRef/name"),
               .answered = text_at(event, "/stageTimestamp")};
}

}  // namespace

AuditLog::AuditLog(const std::string& file) : file_(file) {}

const std::vector<Write>& AuditLog::writes() {
  file_.clear();
  const auto known = static_cast<std::ptrdiff_t>(writes_.size());
  for (std::string part; std::getline(file_, part);) {
    rest_ += part;
    if (file_.eof()) break;
    if (auto write = read_write(rest_)) writes_.push_back(std::move(*write));
    rest_.clear();
  }
  const auto earlier = [](const Write& a, const Write& b) { return a.answered < b.answered; };
  std::stable_sort(writes_.begin() + known, writes_.end(), earlier);
  std::inplace_merge(writes_.begin(), writes_.begin() + known, writes_.end(), earlier);
  return writes_;
}

std::size_t AuditLog::writes_of(const std::string& user) {
  const auto& all = writes();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const Write& write) { return write.user == user; }));
}

}  // namespace storagepool::manager::testing
