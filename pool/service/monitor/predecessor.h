// The connections that the process before this one in a pod of the same name has left behind: a pod whose
// node vanished says no good-bye, and PostgreSQL keeps its sessions until it misses their answers (half a
// minute). What the pods of a StoragePool may hold is counted by pod, so that until then they are this one's:
// they are taken off its limit, and count as sockets that are not let go of yet.
//
// Sessions are named NAME#INSTANCE: the name is the pod's, POD.STORAGEPOOL, the instance that of one process.
// So those of pods that are gone for good are known as well; the operator counts them until they end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"
#include "pool/postgres/connection.h"

namespace storagepool::service {

// Sessions of the current role that belong to the StoragePool of the asking one: a row for each name, for
// `parse_sessions`.
extern const std::string_view kSessionsSql;

struct PodSessions {
  std::int64_t predecessor = 0;                               // of the asking one's name, another instance
  std::optional<std::map<std::string, std::int64_t>> by_pod;  // absent: too many to tell
};
tl::expected<PodSessions, std::string> parse_sessions(const postgres::Result& result);

class Predecessor {
 public:
  // Without a name there is none. Of a long one the end counts: PostgreSQL keeps 63 bytes.
  explicit Predecessor(const std::string& session_name);

  bool possible() const { return !application_name_.empty(); }
  // Of this process's sessions; empty without a name.
  const std::string& application_name() const { return application_name_; }

  // PostgreSQL shows so many. True when that is news.
  bool seen(std::int64_t connections);
  std::int64_t connections() const { return connections_.value_or(0); }

  // What is granted, less what the predecessor holds; one connection at least, and no more than one until
  // that is known.
  settings::Settings leave_room(const settings::Settings& granted) const;

 private:
  std::string application_name_;
  std::optional<std::int64_t> connections_;  // absent: not known
};

}  // namespace storagepool::service
