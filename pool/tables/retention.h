// The SQL by which what has expired goes, pure. Private to partitions.cc. `latest` is the moment, in SQL, by
// which an event must have expired.
#pragma once

#include <cstdint>
#include <string>

namespace storagepool::tables {

inline constexpr std::int64_t kMaxMoved = 1000;  // held events of a month that is dropped

// Of any partition: whether an event in it has not expired (1 or 0). Ends at the first.
std::string find_kept(const std::string& partition, const std::string& latest);
// How many of its events legal holds keep, counted to kMaxMoved and one. By index.
std::string count_held(const std::string& partition);

// Each deletes `limit` rows at most and returns how many events it has deleted, with their ids. Nothing that
// a legal hold keeps.
// - Of a month: all but those of the longest term, which the month ends with. By index: one look for each
//   term there is.
std::string delete_expired_of_month(const std::string& partition, const std::string& latest,
                                    std::int64_t limit);
// - Of the default partition, which holds little, and of a month that ends but for what is held: all.
std::string delete_expired(const std::string& partition, const std::string& latest, std::int64_t limit);

// Takes a month out of audit_events, puts its held events into the default partition and drops it. Their ids
// may have been forgotten.
std::string drop_but_held(const std::string& partition);

// Deletes `limit` ids at most of events between two moments, in SQL; affected_rows tells how many.
std::string forget_ids(const std::string& from, const std::string& until, std::int64_t limit);
// Of the held events of a month.
std::string remember_ids_of_held(const std::string& partition);

}  // namespace storagepool::tables
