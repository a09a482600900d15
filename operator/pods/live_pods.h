// The Pods of a real cluster: one thread with an event loop on which all of them are asked.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "operator/pods/pods.h"
#include "operator/pods/schedule.h"
#include "operator/pods/signer.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::pods {

// Connections to pods are kept while their pods are followed and asked again soon: so many, and not more than
// half of the descriptors that the process may have.
inline constexpr std::size_t kMostKept = 2048;
inline constexpr std::chrono::seconds kKeptUntilNext{30};

class Client;

class LivePods final : public Pods {
 public:
  // A StoragePool is to be looked at again. Called from the loop's thread; quick.
  using Changed = std::function<void(const kube::ObjectKey& storage_pool)>;

  // What else is asked of a pod that has answered, over the same connection. On the loop; what it changes of
  // the answer is kept as the pod's.
  using Visit = std::function<boost::asio::awaitable<void>(Client&, kube::ObjectKey storage_pool, Answer&)>;

  // `port`: the administration port of every pod. `signer` and `metrics` outlive this.
  LivePods(std::uint16_t port, const Signer& signer, runtime::Metrics& metrics, Changed changed,
           Visit visit = {});
  ~LivePods() override;  // ends what is under way

  Answer latest(const kube::ObjectKey& storage_pool, const PodRun& run) const override;
  std::uint64_t version(const kube::ObjectKey& storage_pool) const override;
  void follow(const kube::ObjectKey& storage_pool, const WantedPods& wanted) override;

 private:
  void ask_due();
  boost::asio::awaitable<void> ask(Task task);
  std::unique_ptr<Client> client_for(const Task& task);
  void finish(std::uint64_t id, Answer answer, std::unique_ptr<Client> client);

  const std::uint16_t port_;
  const Signer& signer_;
  const Changed changed_;
  const Visit visit_;
  prometheus::Family<prometheus::Counter>& asked_;
  prometheus::Histogram& age_;
  prometheus::Gauge& followed_;
  prometheus::Gauge& silent_;

  mutable std::mutex mutex_;  // guards the schedule
  Schedule schedule_;
  std::atomic<bool> posted_{false};  // ask_due is on its way

  boost::asio::io_context loop_{1};
  boost::asio::steady_timer due_{loop_};
  const std::size_t most_kept_;
  std::map<std::uint64_t, std::unique_ptr<Client>> kept_;  // by the task, while nothing is asked
  std::jthread thread_;
};

}  // namespace storagepool::pods
