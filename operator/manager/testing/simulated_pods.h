// Pods without containers: what the StatefulSet controller and the kubelet would write of them, and their
// administration ports, on addresses of 127.0.0.0/8 in the test's own network (control_plane.h).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "operator/kube/kube.h"
#include "operator/kube/watch/informer.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::manager::testing {

// How the administration port of a pod behaves; each has its own range of addresses.
enum class Conduct {
  kAnswers,
  kAccepts,  // connections, and never answers
  kResets,   // every connection
  kDrops,    // what would open a connection, as a network policy does
};

// A server of its own, of 100 connections, at `host`.
settings::FactsReport facts_of(const std::string& host, int number);

class AdminPorts {
 public:
  // The body for a request; empty: the connection ends without one. From the thread of this.
  using Answer = std::function<std::string(const std::string& address, const std::string& method,
                                           const std::string& path, const std::string& body)>;

  // Pods that are as they are told to be, by `add`; or as `answer` has them.
  explicit AdminPorts(std::uint16_t port);
  AdminPorts(std::uint16_t port, Answer answer);
  ~AdminPorts();

  // Of the pod with this number, 0 to 65,533.
  static std::string address(Conduct conduct, int number);
  // What the pod at `address` says of PostgreSQL from its first answer on.
  void add(const std::string& address, settings::FactsReport facts);
  // It says something else from now on.
  void change(const std::string& address, settings::FactsReport facts);
  settings::SettingsReport report(const std::string& address) const;
  std::int64_t requests() const { return requests_; }  // answered

 private:
  struct Pod {
    settings::SettingsReport report;
    settings::FactsReport facts;
  };
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  std::string obey(const std::string& address, const std::string& method, const std::string& path,
                   const std::string& body);

  const Answer answer_;
  boost::asio::io_context loop_{1};
  boost::asio::ip::tcp::acceptor acceptor_{loop_};
  boost::asio::ip::tcp::acceptor full_{loop_};  // nobody takes connections from its queue of one
  std::atomic<std::int64_t> requests_{0};
  mutable std::mutex mutex_;
  std::map<std::string, Pod> pods_;
  std::jthread thread_;
};

// Makes the pods that each StatefulSet wants, ready at once, and takes them for replaced as soon as the
// template has changed. Those of an image with "broken" in its name are not ready.
class StatefulSets {
 public:
  // Empty: there is no such pod.
  using AddressOf = std::function<std::string(const kube::ObjectKey& stateful_set, std::int64_t ordinal)>;

  // `threads`: that make pods at the same time.
  StatefulSets(kube::Transport& transport, const kube::Client& client, AddressOf address_of, int threads);
  ~StatefulSets();

  int pods() const { return pods_; }  // made

 private:
  void work(const std::stop_token& stop);
  void handle(const kube::ObjectPtr& object);
  bool make_pod(const kube::Json& set, const kube::ObjectKey& key, std::int64_t ordinal);
  bool replace_pod(const kube::Json& set, const kube::ObjectKey& pod);

  const kube::Client& client_;
  AddressOf address_of_;
  std::atomic<int> pods_{0};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<kube::ObjectPtr> queue_;
  std::set<kube::ObjectKey> busy_;                    // their versions are handled one after the other
  std::map<kube::ObjectKey, std::string> revisions_;  // by the pod
  kube::Informer informer_;
  std::vector<std::jthread> threads_;
};

}  // namespace storagepool::manager::testing
