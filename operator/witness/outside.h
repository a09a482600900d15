// The outside witnesses of a real cluster: what is kept of a log is brought to those that its StoragePool
// names beside the reports of its pods, of which one proves how it has grown, and by threads of its own; what
// they cosign is given away. Nothing waits for them. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "operator/pods/client.h"
#include "operator/witness/standings.h"
#include "operator/witness/submitter.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::witness {

class Outside {
 public:
  struct Parts {
    runtime::Metrics& metrics;
    // Of the checkpoint with this text; on another thread.
    std::function<void(const kube::ObjectKey& pool, const std::string& checkpoint,
                       const tlog::NoteSignature& by)>
        cosigned;
    Submitter::Limits limits{};
    std::string trusted{};  // certificates, as Submitter has them
  };
  explicit Outside(Parts parts);

  // Beside a report of one of its pods. `since`: when this operator has cosigned the floor.
  boost::asio::awaitable<void> visit(pods::Client& client, kube::ObjectKey pool, Floor floor,
                                     runtime::Timestamp since, std::vector<render::LogWitness> named);
  bool is_ahead(const kube::ObjectKey& pool, std::uint64_t size) const;
  void newest(const kube::ObjectKey& pool, std::uint64_t size);
  std::vector<pods::WitnessWord> words(const kube::ObjectKey& pool) const;
  std::string inconsistency(const kube::ObjectKey& pool) const;
  // Forgets those that are not there any more, and tells when each witness has cosigned last.
  void sweep(const std::function<bool(const kube::ObjectKey& pool)>& is_there);

 private:
  void ask(const kube::ObjectKey& pool, const render::LogWitness& witness, Submission submission);
  void take(const kube::ObjectKey& pool, const std::string& vkey, const Submission& asked,
            const Heard& heard);

  Parts parts_;
  prometheus::Family<prometheus::Counter>& answers_;
  prometheus::Family<prometheus::Gauge>& cosigned_;
  mutable std::mutex mutex_;  // guards what follows
  Standings standings_;
  std::map<std::pair<kube::ObjectKey, std::string>, prometheus::Gauge*> gauges_;
  Submitter submitter_;  // ends first
};

}  // namespace storagepool::witness
