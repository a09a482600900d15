// Brings one StoragePool at a time to what its spec says: observe -> next_step (pure) -> act -> status.
// Level-based: it looks at what is, not at what happened, and may be called at any time, any number of times.
//
// It reads caches only and waits for no pod. Writes only where something is to change: with nothing to do a
// look at a StoragePool costs no request, and where nothing has changed since it was found settled, next to
// nothing.
//
// Threads: any number of them, one StoragePool never in two at once. They share the Ledger and
// whose turn it is (turns.h), and nothing else.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operator/pods/pods.h"
#include "operator/reconcile/account.h"
#include "operator/reconcile/cluster/cluster.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/memory.h"
#include "operator/reconcile/cluster/other_workloads.h"
#include "operator/reconcile/shared_ledger.h"
#include "operator/reconcile/turns.h"
#include "operator/render/token_issuer.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

// Who signs the tokens of service accounts, as far as the API server has told.
struct KnownIssuer {
  std::shared_ptr<const render::TokenIssuer> issuer;  // null: not yet
  std::string failure;                                // why it was not read last, one clause; else empty
};

struct Options {
  std::string default_image;
  std::string operator_key;                   // "k4.public.…": with which requests to pods are signed
  std::function<KnownIssuer()> token_issuer;  // thread-safe
  std::chrono::milliseconds resync{10'000};   // a look at least this often
  // Called for a StoragePool that has something to act upon because of another; from any worker.
  std::function<void(const kube::ObjectKey&)> wake = {};
  // Called whenever others count, or with other numbers; from any worker, one at a time.
  std::function<void(const std::vector<CountedWorkload>&)> tell_workloads = {};
};

struct Moment {
  runtime::TimePoint steady;
  runtime::Timestamp wall;
};

// For metrics.
struct BudgetNumbers {
  std::string server;  // its system identifier, or host:port where nobody has read that
  std::int64_t usable = 0;
  std::int64_t share = 0;
  std::int64_t granted = 0;
  std::int64_t per_pod = 0;
};

struct Outcome {
  std::optional<std::chrono::milliseconds> requeue_after;  // until the next look; absent: it is gone
  std::optional<BudgetNumbers> budget;                     // absent: not known, or gone
  std::vector<Complaint> complaints;
  bool settled = false;  // as wanted, and so until something changes
};

class Reconciler {
 public:
  // All outlive the reconciler; the cluster's caches have synced.
  Reconciler(Cluster& cluster, pods::Pods& pods, Options options);
  ~Reconciler();

  // An error is one that may pass: try again with back-off. What needs a person is in the status.
  tl::expected<Outcome, kube::ApiError> reconcile(const kube::ObjectKey& key, const Moment& now);

 private:
  // What a look has read; while all of it is the same, another would end as it did.
  struct Settled {
    std::uint64_t objects = 0;
    std::uint64_t reports = 0;
    std::shared_ptr<const render::TokenIssuer> issuer;
    sizing::Outlook outlook;
    runtime::TimePoint until;  // not for ever, whatever the caches say
    Outcome outcome;
  };
  struct Known {
    Memory memory;
    std::optional<Settled> settled;
    // Uids of StoragePools that had this name, and until when a write in doubt of each may still be made.
    std::map<std::string, runtime::TimePoint> before;
  };
  tl::expected<Outcome, kube::ApiError> look_at(const kube::ObjectKey& key, const Moment& now);
  // Until when what other workloads count with is as it is; absent: until one changes.
  std::optional<runtime::TimePoint> follow_workloads(const Moment& now);
  Known& known(const kube::ObjectKey& key);
  bool is_settled(const kube::ObjectKey& key, const Known& known, const Moment& now);
  ReadSpec remember(const kube::ObjectKey& key, Known& known, const kube::ObjectPtr& object,
                    const Moment& now);
  std::size_t count_pods(const kube::ObjectKey& key) const;
  void prime(const Moment& now);
  bool forget(const kube::ObjectKey& key, Known& known, const Moment& now);
  void forget_before(Known& known, const Moment& now);
  bool may_still_start(const kube::ObjectKey& key, const Memory& memory, const Moment& now);
  void wake(const std::vector<std::string>& uids);

  Cluster& cluster_;
  pods::Pods& pods_;
  Options options_;
  SharedLedger ledger_;
  Turns turns_;
  std::once_flag primed_;
  std::mutex workloads_mutex_;  // guards the next two
  OtherWorkloads workloads_;
  std::uint64_t workloads_version_ = 0;
  std::mutex mutex_;  // guards the maps; each entry of the first is for whose turn its StoragePool is
  std::map<kube::ObjectKey, Known> known_;
  std::map<std::string, kube::ObjectKey> key_by_uid_;
};

}  // namespace storagepool::reconcile
