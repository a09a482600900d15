// The statements of the full audit. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/evidence/auditing/compare.h"
#include "pool/evidence/auditing/progress.h"
#include "pool/evidence/proving/columns.h"

namespace storagepool::evidence {

// Of event_data and error_message, by one step; a row that comes first may have more.
inline constexpr std::int64_t kStepBytes = std::int64_t{1024} * 1024;

// Begins a step; the answer is 1 where nobody else is at one. The lock, which whoever makes, attaches or
// drops a partition waits for, comes before the snapshot: no row moves between partitions behind it.
extern const std::string kBeginStep;
extern const std::string_view kReadProgress;
extern const std::string_view kWriteProgress;

// The id of the log's first batch, and how many blocks the events have.
extern const std::string_view kReadExtent;
// Correlations that legal holds keep, and since when.
extern const std::string_view kReadHeld;

// From here on the transaction reads by indexes, as it does without that where tables are large, or by none.
extern const std::string_view kByKey;
extern const std::string_view kByHeap;

// Rows by ids $1 and times $2, of which the first and the last are $3 and $4: the place in the arrays from 1,
// 1 where there is a row, the batch that it names, and the row (pool/tables/row.h). As far as kStepBytes
// goes.
std::string read_by_keys();

// The partition with events that is read after the block $2 of $1: oid, its name in SQL, blocks, and the
// server's version and size of blocks.
extern const std::string_view kNextPartition;
struct HeapLayout {
  std::int64_t server_version = 0;  // server_version_num
  std::int64_t block_bytes = 8192;
};
// Rows of a partition's heap from a place to the end of the block before `until`: where they lie, how many
// there are, the batch, and the row; as far as kStepBytes goes. Rows are fetched by where they lie, which no
// index has a part in: as a range of places, or before PostgreSQL 14, which would read all of the heap for
// that, by each place that a block can have.
std::string read_heap(const std::string& partition, const HeapPlace& from, std::int64_t until,
                      const HeapLayout& layout);

// The row that these two give from that column on, where its batch is; no value where that cannot be read.
std::optional<AuditedRow> read_row(Row row, std::size_t batch_at);

// The place behind "(block,offset)", in the same partition.
bool read_place(const std::string& text, HeapPlace& at);

// Batches with the ids $1 whose entries are not more than one can have, by id: id, kept, entries, MAC,
// how many it keeps. As far as kStepBytes goes; one at least.
extern const std::string kReadAuditedBatches;

}  // namespace storagepool::evidence
