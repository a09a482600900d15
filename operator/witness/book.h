// The floors of all StoragePools, and what is to be done about them. Pure: the clock is given. Not
// thread-safe.
//
// A pod that knows of a lower floor than the one that is kept is told it, at its next report. Where the log
// has grown since, and not more often than each kPeriod, one pod is asked for the newest checkpoint; what
// comes of it is written first, and told from then on. So a log at rest costs nothing.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/witness/witness.h"

namespace storagepool::witness {

inline constexpr std::chrono::minutes kPeriod{10};
// After a pod was asked, whatever came of it.
inline constexpr std::chrono::minutes kAskAgain{1};

class Book {
 public:
  using Timestamp = runtime::Timestamp;

  // What was written before, for the StoragePool with this uid. `at`: when it was cosigned, by our clock.
  void keep(const kube::ObjectKey& pool, std::string uid, Floor floor, Timestamp at);
  void forget(const kube::ObjectKey& pool);
  // All StoragePools of which something is known, and the uids of those with a floor.
  std::vector<std::pair<kube::ObjectKey, std::string>> known() const;
  const Floor* floor(const kube::ObjectKey& pool) const;  // null: none is kept

  // What to say to a pod that reports this of the log; no value: nothing.
  // `restart`: why a person has asked for the next epoch of a log that was rolled back; empty: nobody has.
  // `hurry`: the newest is wanted before its time.
  std::optional<settings::LogFloor> next(const kube::ObjectKey& pool, const settings::LogFacts& pod,
                                         Timestamp now, const std::string& restart = {}, bool hurry = false);

  // What a pod's answer was worth, for which `next` had `grow`. What is to be written is cosigned.
  void found(const kube::ObjectKey& pool, tl::expected<Floor, Refusal> examined);
  // Another has cosigned it too. Nothing where more is kept meanwhile.
  void cosigned(const kube::ObjectKey& pool, const std::string& checkpoint, const tlog::NoteSignature& by);
  // Why the log of this StoragePool is not cosigned any more; empty: it is, or would be.
  const std::string& inconsistency(const kube::ObjectKey& pool) const;

  // To be written. Each is given until it was kept or forgotten.
  std::vector<std::pair<kube::ObjectKey, Floor>> to_write() const;

 private:
  struct Entry {
    std::string uid{};
    std::optional<Floor> floor{};
    std::optional<Floor> next{};  // to be written
    Timestamp at{};               // of the floor
    std::optional<Timestamp> asked{};
    std::string inconsistency{};
  };
  std::map<kube::ObjectKey, Entry> entries_;
};

}  // namespace storagepool::witness
