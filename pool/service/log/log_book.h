// What a pod remembers of the logs of workspaces, some hundred bytes for each, and when it looks at one: a
// few seconds after it has written there, if there is a connection to the database anyway, and otherwise
// within a minute. Bounded: the one that was used longest ago makes room. Pure; the clock is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pool/evidence/sealing/sealer.h"
#include "pool/evidence/sealing/self_audit.h"

namespace storagepool::service {

struct WorkspaceLog {
  std::string database{};
  std::string incarnation{};  // of the workspace, as the registry said last; empty: it was not asked yet
  bool known = false;         // that it is this one still
  evidence::Sealer::Memory memory{};
  std::optional<evidence::Floor> floor{};  // what others were shown of it, as the system database has it
  bool floor_known = false;                // it was asked
  std::shared_ptr<evidence::SelfAudit> audit{};  // null: every batch of this pod was seen in the log
  std::size_t in_audit = 0;                      // batches, as the book has counted them
  std::uint64_t writes = 0;                      // so far
  bool wrote = false;                            // there may be something to seal
  bool refused = false;                          // by the last look
  bool empty = false;                            // it had no entry then
  bool grown = false;                            // since it was anchored last
  bool at_work = false;
  std::optional<std::chrono::steady_clock::time_point> looked_at{};
  std::chrono::steady_clock::time_point since{};  // of the first write after the last look, or of that
  std::string alarm{};                            // told last; empty: none stands
};

// While somebody looks at a log nobody else does.
class AtWork {
 public:
  explicit AtWork(WorkspaceLog& log) : log_(log) { log_.at_work = true; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() { log_.at_work = false; }

 private:
  WorkspaceLog& log_;
};

class LogBook {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kOnLease{5};     // between two looks on a connection that is there
  static constexpr std::chrono::seconds kOtherwise{30};  // after which one is got for it
  static constexpr std::chrono::seconds kUnknown{5};     // while nobody has said whose log it is
  static constexpr std::chrono::seconds kRefused{60};    // of a log that is not sealed

  explicit LogBook(std::size_t capacity) : capacity_(capacity) {}

  // That of a database; made if there is none. It may be forgotten by the book while somebody has it.
  std::shared_ptr<WorkspaceLog> of(const std::string& database);
  std::shared_ptr<WorkspaceLog> find(const std::string& database) const;  // null: there is none
  void forget(const std::string& database);

  // There may be something to seal in it, or there is, by a batch of this pod.
  static void expect(WorkspaceLog& log, TimePoint now);
  void wrote(WorkspaceLog& log, evidence::BatchEvents batch, TimePoint now);
  // The workspace is this one from now on: of another that had the name before nothing is remembered.
  void is_of(WorkspaceLog& log, const std::string& incarnation);
  // After its audit has looked.
  void audited(WorkspaceLog& log);

  // Whether to look at it on a connection that is there.
  static bool may_look(const WorkspaceLog& log, TimePoint now);
  // Those for which a connection is to be got.
  std::vector<std::shared_ptr<WorkspaceLog>> due(TimePoint now) const;

  // At most so many of those that have grown.
  std::vector<std::shared_ptr<WorkspaceLog>> grown(std::size_t limit) const;

  std::size_t size() const { return logs_.size(); }
  std::size_t waiting() const;  // that wait to be sealed
  // Batches of this pod of which it will not see whether they got into a log.
  std::uint64_t unchecked() const { return unchecked_; }

 private:
  using Logs = std::list<std::shared_ptr<WorkspaceLog>>;
  void drop_audit(WorkspaceLog& log);

  std::size_t capacity_;
  Logs logs_;                                                    // the most recently used first
  std::unordered_map<std::string_view, Logs::iterator> places_;  // by the database, which the log keeps
  std::size_t in_audits_ = 0;                                    // batches
  std::uint64_t unchecked_ = 0;
};

}  // namespace storagepool::service
