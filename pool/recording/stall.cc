#include "pool/recording/stall.h"

#include <algorithm>

namespace storagepool::recording {
namespace {

constexpr double kTooFull = 0.75;
constexpr int kParts = 4;  // of `stall_after`: how soon a full queue counts, and a stall is looked at again

}  // namespace

bool Stalls::quiet(const Database& database, TimePoint now) const {
  return database.stalled || (database.waiting > 0 && now - database.since >= stall_after_ / kParts);
}

bool Stalls::worth_waiting(const std::string& name, double fill, TimePoint now) const {
  const auto found = databases_.find(name);
  if (found == databases_.end()) return true;
  const Database& database = found->second;
  if (database.stalled) return database.waiting == 0 && now - database.tried >= stall_after_ / kParts;
  if (database.waiting > 0 && now - database.since >= stall_after_) return false;
  return fill < kTooFull || !quiet(database, now);
}

bool Stalls::nothing_commits(TimePoint now) const {
  return std::ranges::any_of(databases_, [&](const auto& one) { return quiet(one.second, now); });
}

void Stalls::began(const std::string& name, TimePoint now) {
  Database& database = databases_[name];
  if (database.waiting == 0) database.since = now;
  ++database.waiting;
}

bool Stalls::ended(const std::string& name, TimePoint now) {
  const auto found = databases_.find(name);
  if (found == databases_.end()) return false;
  Database& database = found->second;
  --database.waiting;
  database.tried = now;
  const bool begins = !database.stalled && now - database.since >= stall_after_;
  if (begins) {
    database.stalled = true;
    ++begun_;
  }
  if (database.waiting == 0 && !database.stalled) databases_.erase(found);
  return begins;
}

Stalls::TimePoint Stalls::waits_until(const std::string& name) const {
  const auto found = databases_.find(name);
  return found == databases_.end() ? TimePoint::max() : found->second.since + stall_after_;
}

void Stalls::committed(const std::string& name, TimePoint now) {
  const auto found = databases_.find(name);
  if (found == databases_.end()) return;
  found->second.since = now;
  found->second.stalled = false;
  if (found->second.waiting == 0) databases_.erase(found);
}

void Stalls::clear() {
  std::erase_if(databases_, [](const auto& one) { return one.second.waiting == 0; });
  for (auto& [name, database] : databases_) database.stalled = false;
}

Stalls::Figures Stalls::figures(TimePoint now) const {
  const auto stalled = std::ranges::count_if(databases_, [&](const auto& one) {
    const Database& database = one.second;
    return database.stalled && (database.waiting > 0 || now - database.tried < kMemory);
  });
  return {begun_, stalled};
}

}  // namespace storagepool::recording
