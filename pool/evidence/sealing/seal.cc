#include "pool/evidence/sealing/seal.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pool/evidence/proving/columns.h"

namespace storagepool::evidence {
namespace {

std::pair<runtime::Date, runtime::Date> term_of(const Entry& entry) {
  const runtime::Date day = runtime::date_of(entry.event_timestamp);
  const std::chrono::year_month_day in_month{day};
  return {std::chrono::sys_days{in_month.year() / in_month.month() / 1}, day + entry.retention};
}

std::string_view entry_at(const Batch& batch, std::int64_t ordinal) {
  return std::string_view(batch.entries).substr(static_cast<std::size_t>(ordinal) * kEntryBytes, kEntryBytes);
}

// Why what a batch says of itself does not agree; empty: it does.
std::string_view fault_of(const Batch& batch) {
  if (!batch.fault.empty()) return batch.fault;
  if (batch.at.batch < 0) return "its id is negative";
  if (batch.entries.empty() || batch.entries.size() % kEntryBytes != 0) return "its entries are not whole";
  const auto offered = static_cast<std::int64_t>(batch.entries.size() / kEntryBytes);
  if (offered > kMaxBatchEntries) return "it has too many entries";
  if (batch.kept && !is_kept_of(*batch.kept, offered)) return "it keeps entries that it does not have";
  const std::int64_t kept = batch.kept ? static_cast<std::int64_t>(batch.kept->size()) : offered;
  if (kept != batch.events || kept == 0) return "it counts other events than it keeps";
  for (std::int64_t ordinal = 0; ordinal < offered; ++ordinal) {
    if (!Entry::read(entry_at(batch, ordinal))) return "its entries are of no known form";
  }
  return {};
}

std::string text_of(const std::vector<std::int64_t>& kept) {
  return array_of(kept, [](std::int64_t ordinal) { return std::to_string(ordinal); });
}

}  // namespace

Sealing::Sealing(LogState state, LogMacs& macs, tlog::Hasher& hasher)
    : macs_(macs), hasher_(hasher), sealed_{.state = std::move(state)} {}

bool Sealing::take(const Batch& batch) {
  if (batch.at <= sealed_.state.last) {
    leave_out(batch, Alarm::Kind::kOutOfOrder, "audit_batches gives it after one that comes later");
    return false;
  }
  sealed_.state.last = batch.at;
  const std::string_view fault = fault_of(batch);
  if (!fault.empty()) {
    leave_out(batch, Alarm::Kind::kMalformedBatch, fault);
  } else if (!macs_.is_of_batch(batch.at.batch, batch.entries, batch.mac)) {
    leave_out(batch, Alarm::Kind::kForgedBatch, "its MAC is of no key of this log");
  } else if (batch.sealed_before) {
    leave_out(batch, Alarm::Kind::kRepeatedBatch, "the log has it already, under another commit");
  } else {
    append(batch);
  }
  return true;
}

Sealed Sealing::take_result() {
  for (auto& [term, expiry] : expiry_) sealed_.expiry.push_back(expiry);
  return std::move(sealed_);
}

void Sealing::leave_out(const Batch& batch, Alarm::Kind kind, std::string_view why) {
  sealed_.alarms.push_back(
      {.kind = kind,
       .batch = batch.at.batch,
       .detail = "batch " + std::to_string(batch.at.batch) + " is left out: " + std::string(why)});
}

void Sealing::append(const Batch& batch) {
  const std::int64_t id = batch.at.batch;
  if (!sealed_.seal)
    sealed_.seal = {.first_seq = sealed_.state.size(), .batches = {}, .counts = {}, .lo = id, .hi = id};
  if (batch.kept) {
    for (const std::int64_t ordinal : *batch.kept) append(entry_at(batch, ordinal - 1));
  } else {
    for (std::int64_t ordinal = 0; ordinal < batch.events; ++ordinal) append(entry_at(batch, ordinal));
  }
  Seal& seal = *sealed_.seal;
  seal.batches.push_back(id);
  seal.counts.push_back(batch.events);
  seal.size += static_cast<std::uint64_t>(batch.events);
  seal.lo = std::min(seal.lo, id);
  seal.hi = std::max(seal.hi, id);
  BatchEvents& events = sealed_.batches.emplace_back(BatchEvents{.batch = id, .events = batch.events});
  if (batch.kept) events.kept = text_of(*batch.kept);
}

void Sealing::append(std::string_view entry) {
  const std::uint64_t seq = sealed_.state.size();
  sealed_.state.frontier.append(hasher_, hasher_.leaf(entry), sealed_.nodes);
  const Term term = term_of(*Entry::read(entry));
  const auto [found, is_new] = expiry_.try_emplace(term);
  Expiry& expiry = found->second;
  if (is_new) expiry = {.month = term.first, .expires = term.second, .first_seq = seq};
  ++expiry.events;
  expiry.last_seq = seq;
}

}  // namespace storagepool::evidence
