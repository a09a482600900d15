// What a person does with a pod's journal, on the administration port (admin.h) behind its token:
//
//   GET /admin/journal                      figures, what waits for which workspace, the units set aside
//   GET /admin/journal?format=ndjson        the events themselves, one a line; also by `Accept`
//   POST /admin/journal                     {"action": "put-back", "sequences": [7, 9]}, or "all"
//                                           {"action": "drop", "sequences": [7], "confirm": 3}
//
// `part` (set-aside, or waiting), `after` (a sequence) and `limit` choose the units; a page holds some
// megabytes, and the sequence of its last unit leads to the next one. docs/debugging.md says when to use
// which.
#pragma once

#include <functional>

#include "pool/common/http/router.h"
#include "pool/journal/journal.h"

namespace storagepool::service {

// `journal` gives null for a pod without one.
void add_journal_routes(http::Router& router, std::function<journal::Journal*()> journal);

}  // namespace storagepool::service
