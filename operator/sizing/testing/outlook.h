// What the Ledger says to a StoragePool that has a server for itself, or beside others of which it is only
// known what they hold.
#pragma once

#include <optional>

#include "operator/sizing/ledger.h"

namespace storagepool::sizing {

inline Outlook outlook_of(const Request& request, const std::optional<settings::ServerFacts>& facts,
                          const Existing& existing, std::int64_t ceiling, std::int64_t others = 0) {
  Account self;
  self.uid = "self";
  self.servers = {"db.team:5432"};
  self.database = "audit";
  self.role = "team/creds";
  self.request = request;
  self.existing = existing;
  self.ceiling = ceiling;
  if (facts) self.facts = KnownFacts{.facts = *facts, .read = {}};
  Ledger ledger;
  ledger.put(self);
  if (others > 0) {
    Account rest;
    rest.uid = "rest";
    rest.servers = self.servers;
    rest.existing = {.replicas = 1, .peak_pods = 1, .limit = others};
    rest.ceiling = others;
    ledger.put(rest);
  }
  return ledger.outlook("self", Ledger::Now{});
}

}  // namespace storagepool::sizing
