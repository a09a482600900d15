// Whether the pod is ready for traffic: as long as it can take an event, so that a Service leads to it while
// PostgreSQL is away and the journal has room. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/journal/journal.h"

namespace storagepool::service {

// What the journal holds, and whether it can take more. `takes_events` is false where its size is set to 0.
settings::JournalReport report_journal(const journal::Statistics& journal, bool takes_events,
                                       runtime::Timestamp now);

struct Situation {
  std::vector<std::string> postgres;               // why PostgreSQL stores no event; none: it does
  std::optional<settings::JournalReport> journal;  // none: the pod has none, or none that is to take events
  bool schema_seen = false;                        // PostgreSQL had the schema, now or before, see SchemaMark
  bool leaving = false;                            // the operator has said so
  bool left = false;                               // and the delay is over, see Leaving
  bool draining = false;
  std::string tls;                   // what is wrong with the certificate that is mounted; empty: nothing
  bool serves_tls = true;            // with one that was mounted before
  std::vector<std::string> to_mend;  // by a person, while PostgreSQL is usable
};

struct Readiness {
  std::vector<std::string> not_ready;  // none: ready
  std::vector<std::string> degraded;   // what is missing to a pod that is ready
};
Readiness judge(const Situation& now);

// Why a new event is not to go to the journal, whether or not that could take it; empty when it is.
std::string journal_refuses(const Situation& now);

}  // namespace storagepool::service
