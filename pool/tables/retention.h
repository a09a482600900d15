// The SQL by which what has expired goes, pure. Private to partitions.cc. `latest` is the moment, in SQL, by
// which an event must have expired.
#pragma once

#include <cstdint>
#include <string>

namespace storagepool::tables {

// Of any partition: whether an event in it has not expired (1 or 0). Ends at the first.
std::string find_kept(const std::string& partition, const std::string& latest);

// Each deletes `limit` rows at most and returns how many events it has deleted, with their ids.
// - Of a month: all but those of the longest term, which the month ends with. By index: one look for each
//   term there is.
std::string delete_expired_of_month(const std::string& partition, const std::string& latest,
                                    std::int64_t limit);
// - Of the default partition, which holds little: all.
std::string delete_expired_of_default(const std::string& latest, std::int64_t limit);

// Deletes `limit` ids at most of events between two moments, in SQL; affected_rows tells how many.
std::string forget_ids(const std::string& from, const std::string& until, std::int64_t limit);

}  // namespace storagepool::tables
