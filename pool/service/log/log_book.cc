#include "pool/service/log/log_book.h"

#include <algorithm>

namespace storagepool::service {

std::shared_ptr<WorkspaceLog> LogBook::find(const std::string& database) const {
  const auto place = places_.find(database);
  return place == places_.end() ? nullptr : *place->second;
}

std::shared_ptr<WorkspaceLog> LogBook::of(const std::string& database) {
  const auto place = places_.find(database);
  if (place != places_.end()) {
    logs_.splice(logs_.begin(), logs_, place->second);
    return logs_.front();
  }
  if (logs_.size() >= capacity_) forget(std::string(logs_.back()->database));
  logs_.push_front(std::make_shared<WorkspaceLog>());
  logs_.front()->database = database;
  places_.emplace(logs_.front()->database, logs_.begin());
  return logs_.front();
}

void LogBook::forget(const std::string& database) {
  const auto place = places_.find(database);
  if (place == places_.end()) return;
  const Logs::iterator log = place->second;
  drop_audit(**log);
  places_.erase(place);
  logs_.erase(log);
}

void LogBook::drop_audit(WorkspaceLog& log) {
  if (!log.audit) return;
  in_audits_ -= std::exchange(log.in_audit, 0);
  unchecked_ += log.audit->waiting();
  log.audit.reset();
}

void LogBook::expect(WorkspaceLog& log, TimePoint now) {
  if (!log.wrote) log.since = std::max(log.since, now);
  log.wrote = true;
  ++log.writes;
}

void LogBook::wrote(WorkspaceLog& log, evidence::BatchEvents batch, TimePoint now) {
  expect(log, now);
  if (in_audits_ >= evidence::SelfAudit::kMaxWaiting) {
    ++unchecked_;
    return;
  }
  if (!log.audit) log.audit = std::make_shared<evidence::SelfAudit>();
  log.audit->acknowledged(std::move(batch), now);
  ++log.in_audit;
  ++in_audits_;
}

void LogBook::is_of(WorkspaceLog& log, const std::string& incarnation) {
  log.known = true;
  if (log.incarnation == incarnation) return;
  if (!log.incarnation.empty()) drop_audit(log);
  log.incarnation = incarnation;
  log.memory = {};
  log.floor.reset();
  log.floor_known = false;
  log.alarm.clear();
}

void LogBook::audited(WorkspaceLog& log) {
  if (!log.audit) return;
  const std::size_t waiting = log.audit->waiting();
  in_audits_ -= log.in_audit - waiting;
  log.in_audit = waiting;
  if (waiting == 0) log.audit.reset();
}

bool LogBook::may_look(const WorkspaceLog& log, TimePoint now) {
  return log.wrote && !log.at_work && !log.refused && log.known &&
         (!log.looked_at || now - *log.looked_at >= kOnLease);
}

std::vector<std::shared_ptr<WorkspaceLog>> LogBook::due(TimePoint now) const {
  std::vector<std::shared_ptr<WorkspaceLog>> due;
  for (const auto& log : logs_) {
    if (!log->wrote || log->at_work) continue;
    const auto patience = log->refused ? kRefused : log->known ? kOtherwise : kUnknown;
    if (!log->looked_at || now - log->since >= patience) due.push_back(log);
  }
  return due;
}

std::vector<std::shared_ptr<WorkspaceLog>> LogBook::grown(std::size_t limit) const {
  std::vector<std::shared_ptr<WorkspaceLog>> grown;
  for (const auto& log : logs_) {
    if (grown.size() >= limit) break;
    if (log->grown && log->memory.publishing.shown()) grown.push_back(log);
  }
  return grown;
}

std::size_t LogBook::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(logs_, [](const auto& log) { return log->wrote; }));
}

}  // namespace storagepool::service
