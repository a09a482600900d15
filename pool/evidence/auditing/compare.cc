#include "pool/evidence/auditing/compare.h"

#include <algorithm>

#include "pool/event/uuid.h"

namespace storagepool::evidence {

bool Wanted::operator()(const Entry& entry) const {
  const auto held = held_.find(entry.tag);
  const runtime::Timestamp went = held == held_.end() ? now_ : std::min(now_, held->second);
  return entry.event_timestamp + entry.retention > went + kMargin;
}

Finding judge_entry(std::string_view entry, const AuditedRow* row, EntryWriter& writer) {
  if (row == nullptr) return Finding::kMissing;
  const bool same = row->batch && row->event && writer.is_entry_of(entry, *row->event);
  return same ? Finding::kFine : Finding::kAltered;
}

BatchEntries::BatchEntries(std::string kept) : kept_(std::move(kept)) {
  for (std::size_t at = 0; at + kEntryBytes <= kept_.size(); at += kEntryBytes)
    if (const auto entry = Entry::read(std::string_view(kept_).substr(at, kEntryBytes)))
      places_.emplace(event::format_uuid(entry->event_id), at);
}

std::string_view BatchEntries::find(const std::string& event_id) const {
  const auto at = places_.find(event_id);
  return at == places_.end() ? std::string_view() : std::string_view(kept_).substr(at->second, kEntryBytes);
}

Finding judge_row(const AuditedRow& row, const BatchEntries& batch, runtime::Timestamp log_began,
                  EntryWriter& writer) {
  if (!row.event) return Finding::kAltered;
  if (!row.batch) return row.event->event_timestamp > log_began ? Finding::kLate : Finding::kWithoutBatch;
  const std::string_view bytes = batch.find(row.event->event_id);
  const auto entry = Entry::read(bytes);
  if (!entry || entry->event_timestamp != row.event->event_timestamp) return Finding::kUnlogged;
  return writer.is_entry_of(bytes, *row.event) ? Finding::kFine : Finding::kAltered;
}

}  // namespace storagepool::evidence
