// The witness of a real cluster. Pods are asked beside their reports, on the loop of operator/pods;
// ConfigMaps are read and written by a thread of its own. A floor that cannot be written is tried again, and
// not told before. What is written is brought to outside witnesses (outside.h), and written again with what
// they cosign.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "operator/kube/events.h"
#include "operator/kube/kube.h"
#include "operator/kube/watch/informer.h"
#include "operator/pods/client.h"
#include "operator/witness/book.h"
#include "operator/witness/outside.h"
#include "operator/witness/record.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::witness {

class LiveWitness {
 public:
  struct Parts {
    const kube::Client& client;
    std::string name_space;  // where floors are kept
    tlog::NoteKey key;       // a witness's, of a seed
    runtime::Metrics& metrics;
    std::function<kube::ObjectPtr(const kube::ObjectKey& pool)> storage_pool;  // null: there is none
    std::function<void(const kube::Event&)> record;
    std::vector<std::string> watched{};       // namespaces; of others nothing is known; none: all are
    std::chrono::milliseconds retry{10'000};  // of a write that failed
    std::chrono::milliseconds sweep{60'000};  // for StoragePools that are gone
    std::string trusted{};                    // of outside witnesses, as outside.h has it
  };
  explicit LiveWitness(Parts parts);
  ~LiveWitness();  // ends after the request in progress

  // Reads what was kept, once, before anything else; an error may pass.
  tl::expected<void, kube::ApiError> load();
  void start();

  // Beside a report of one of its pods. What is known of the log besides what the pod says goes into the
  // answer. Both references must be good until it ends.
  boost::asio::awaitable<void> visit(pods::Client& client, kube::ObjectKey pool, pods::Answer& answer);

 private:
  void took(const kube::ObjectKey& pool, const settings::LogReport& told);
  void run(const std::stop_token& stop);
  std::string inconsistency(const kube::ObjectKey& pool) const;
  bool write_due();
  bool sweep();
  void count(const char* result) { answers_.Add({{"result", result}}).Increment(); }
  std::string uid_of(const kube::ObjectKey& pool) const;
  void add_cosignature(const kube::ObjectKey& pool, const std::string& checkpoint,
                       const tlog::NoteSignature& by);
  std::vector<render::LogWitness> named(const kube::ObjectKey& pool) const;
  std::string restart_of(const kube::ObjectKey& pool) const;
  void forget_restart(const kube::ObjectKey& pool, bool restarted);
  tl::expected<void, kube::ApiError> remove(const std::string& uid) const;

  Parts parts_;
  prometheus::Family<prometheus::Counter>& answers_;
  prometheus::Gauge& inconsistent_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  Book book_;
  bool due_ = false;
  Outside outside_;  // its threads end before what they tell is gone
  std::jthread thread_;
};

}  // namespace storagepool::witness
