// How outside witnesses stand to the logs of StoragePools, and which of them is to be asked when. Pure: the
// clock is given. Not thread-safe.
//
// A witness is asked for what is kept of the log (book.h) until it has cosigned that, from the size that it
// has cosigned last: by its own word, for it alone knows; nothing of it is kept. One that cannot be reached,
// or does not cosign, is asked again after a minute, then twice that, up to an hour, whatever the log does.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/pods/pods.h"
#include "operator/render/log_witnesses.h"
#include "operator/witness/add_checkpoint.h"

namespace storagepool::witness {

inline constexpr std::chrono::minutes kFirstPause{1};
inline constexpr std::chrono::minutes kLongestPause{60};
// Of not being reached, before it is said.
inline constexpr std::chrono::minutes kPatience{30};

struct Due {
  render::LogWitness witness{};
  std::uint64_t old_size = 0;
};

class Standings {
 public:
  using Timestamp = runtime::Timestamp;

  // Whom to ask about the floor now, of those that the StoragePool names; others are forgotten. Each counts
  // as asked until it was heard.
  std::vector<Due> due(const kube::ObjectKey& pool, const Floor& floor,
                       const std::vector<render::LogWitness>& named, Timestamp now);
  void heard(const kube::ObjectKey& pool, const std::string& vkey, const Submission& asked,
             const Heard& heard, Timestamp now);

  // One of them says that it has cosigned more than is kept of the log: its newest checkpoint is wanted.
  bool is_ahead(const kube::ObjectKey& pool, std::uint64_t size) const;
  // That is of this size.
  void newest(const kube::ObjectKey& pool, std::uint64_t size);

  // By their names. Of one that has cosigned another history it is not only failing.
  std::vector<pods::WitnessWord> words(const kube::ObjectKey& pool, Timestamp now) const;
  // Why the log is not as a witness has seen it; empty: none says so.
  std::string inconsistency(const kube::ObjectKey& pool) const;

  // When each has cosigned last, by its clock; no value: not yet.
  std::map<std::string, std::optional<Timestamp>> cosigned(const kube::ObjectKey& pool) const;
  std::vector<kube::ObjectKey> known() const;
  void forget(const kube::ObjectKey& pool) { pools_.erase(pool); }

 private:
  struct Standing {
    std::int64_t epoch = tlog::kFirstEpoch;
    std::uint64_t size = 0;  // that it has cosigned last, by its word
    std::optional<Timestamp> cosigned_at{};
    bool asked = false;
    std::optional<Timestamp> next{};  // not before; no value: at once
    int failures = 0;                 // since it has cosigned last
    int moves = 0;                    // likewise: times that it said another size
    Timestamp failing_since{};
    Heard last{};         // while there are failures
    std::string ahead{};  // of its word that it has cosigned more than there is; empty: it is not so
  };
  using Of = std::map<std::string, Standing>;  // by the verifier key
  void failed(Standing& standing, const Heard& heard, Timestamp now);
  static std::string against(const Standing& standing);

  std::map<kube::ObjectKey, Of> pools_;
};

}  // namespace storagepool::witness
