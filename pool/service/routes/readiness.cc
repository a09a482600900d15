#include "pool/service/routes/readiness.h"

#include <algorithm>
#include <chrono>

namespace storagepool::service {
namespace {

// With less than this a call may find the journal full, whatever the share in use.
constexpr double kLeastRoomBytes = 256.0 * 1024;

std::string why_it_takes_none(const journal::Statistics& journal, bool takes_events) {
  if (!takes_events) return "its size is set to 0";
  if (!journal.durable) return journal.not_durable_because;
  const double room = (1 - journal.used) * static_cast<double>(journal.max_bytes);
  return room < kLeastRoomBytes ? "it is full" : "";
}

std::string takes_none(const settings::JournalReport& journal) {
  return "the journal takes no events: " + journal.reason;
}

std::string why_not_to_the_journal(const Situation& now) {
  if (!now.journal) return "there is no journal";
  return now.journal->takes_events ? journal_refuses(now) : takes_none(*now.journal);
}

}  // namespace

settings::JournalReport report_journal(const journal::Statistics& journal, bool takes_events,
                                       runtime::Timestamp now) {
  settings::JournalReport report;
  report.waiting_events = journal.waiting.events;
  report.waiting_units = journal.waiting.units;
  report.set_aside_units = journal.aside.units;
  if (journal.oldest) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - *journal.oldest).count();
    report.oldest_seconds = std::max<std::int64_t>(age, 0);
  }
  report.reason = why_it_takes_none(journal, takes_events);
  report.takes_events = report.reason.empty();
  return report;
}

std::string journal_refuses(const Situation& now) {
  if (now.left) return "the pod is to leave and its journal takes no events";
  // Nobody could tell whether what is accepted can ever be stored.
  if (!now.schema_seen) return "PostgreSQL has never been used from this volume";
  return {};
}

Readiness judge(const Situation& now) {
  Readiness readiness;
  if (now.draining) readiness.not_ready.emplace_back("draining");
  if (now.leaving) readiness.not_ready.emplace_back("leaving");
  if (!now.tls.empty()) (now.serves_tls ? readiness.degraded : readiness.not_ready).push_back(now.tls);
  if (now.postgres.empty()) {
    readiness.degraded.insert(readiness.degraded.end(), now.to_mend.begin(), now.to_mend.end());
    if (now.journal && !now.journal->takes_events) {
      readiness.degraded.push_back(takes_none(*now.journal));
    }
    return readiness;
  }
  const std::string refusal = why_not_to_the_journal(now);
  auto& reasons = refusal.empty() ? readiness.degraded : readiness.not_ready;
  reasons.insert(reasons.end(), now.postgres.begin(), now.postgres.end());
  if (!refusal.empty()) reasons.push_back(refusal);
  return readiness;
}

}  // namespace storagepool::service
