#include "operator/manager/testing/simulated_pods.h"

#include <algorithm>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::manager::testing {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using kube::Json;
using tcp = asio::ip::tcp;

constexpr const char* kDroppingAddress = "127.64.0.1";

// 127.<second>.*
int second_of(Conduct conduct) {
  switch (conduct) {
    case Conduct::kAnswers:
      return 16;
    case Conduct::kAccepts:
      return 32;
    case Conduct::kResets:
      return 48;
    case Conduct::kDrops:
      break;
  }
  return 64;
}

bool is_of(const std::string& address, Conduct conduct) {
  return address.starts_with("127." + std::to_string(second_of(conduct)) + ".");
}

void listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, int waiting) {
  acceptor.open(tcp::v4());
  // Linux then gives a connection to whoever listens on its very address.
  acceptor.set_option(asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>(true));
  acceptor.bind(endpoint);
  acceptor.listen(waiting);
}

std::string revision_of(const Json& set) {
  return kube::annotation(set, render::kTemplateAnnotation);
}

Json ready_conditions(const Json& set) {
  const std::string image = json::text_at(set, "/spec/template/spec/containers/0/image");
  const bool ready = image.find("broken") == std::string::npos;
  return Json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}});
}

}  // namespace

settings::FactsReport facts_of(const std::string& host, int number) {
  settings::ServerFacts facts;
  facts.system_identifier = std::to_string(number);
  facts.server_version = 150008;
  facts.max_connections = 100;
  facts.superuser_reserved_connections = 3;
  settings::FactsReport report;
  report.target = host + ":5432/audit";
  report.reachable = true;
  report.facts = facts;
  return report;
}

AdminPorts::AdminPorts(std::uint16_t port)
    : AdminPorts(port, [this](const auto& address, const auto& method, const auto& path, const auto& body) {
        return obey(address, method, path, body);
      }) {}

AdminPorts::AdminPorts(std::uint16_t port, Answer answer) : answer_(std::move(answer)) {
  listen(full_, {asio::ip::make_address(kDroppingAddress), port}, 0);
  listen(acceptor_, {asio::ip::address_v4::any(), port}, 4096);
  runtime::spawn(loop_.get_executor(), "accepting", accept());
  thread_ = std::jthread([this] { loop_.run(); });
}

AdminPorts::~AdminPorts() {
  loop_.stop();
  thread_.join();
}

std::string AdminPorts::address(Conduct conduct, int number) {
  if (conduct == Conduct::kDrops) return kDroppingAddress;
  const int host = number + 1;
  return "127." + std::to_string(second_of(conduct)) + "." + std::to_string(host / 256) + "." +
         std::to_string(host % 256);
}

void AdminPorts::add(const std::string& address, settings::FactsReport facts) {
  const std::lock_guard lock(mutex_);
  Pod& pod = pods_[address];
  pod.facts = std::move(facts);
  pod.report.settings = *settings::resolve({{"maxOpenConns", 1}});
  pod.report.journal.emplace().takes_events = true;
}

void AdminPorts::change(const std::string& address, settings::FactsReport facts) {
  const std::lock_guard lock(mutex_);
  pods_.at(address).facts = std::move(facts);
}

settings::SettingsReport AdminPorts::report(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  return pods_.at(address).report;
}

asio::awaitable<void> AdminPorts::accept() {
  std::vector<tcp::socket> silent;
  for (;;) {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    error_code gone;
    const auto local = socket.local_endpoint(gone);
    if (gone) continue;
    const std::string address = local.address().to_string();
    if (is_of(address, Conduct::kAnswers)) {
      runtime::spawn(loop_.get_executor(), "serving", serve(std::move(socket)));
    } else if (is_of(address, Conduct::kAccepts)) {
      silent.push_back(std::move(socket));
      if (silent.size() > 1000) silent.erase(silent.begin(), silent.begin() + 500);
    } else {
      socket.set_option(asio::socket_base::linger(true, 0), gone);
    }
  }
}

asio::awaitable<void> AdminPorts::serve(tcp::socket socket) {
  const std::string address = socket.local_endpoint().address().to_string();
  beast::flat_buffer buffer;
  for (;;) {
    error_code error;
    http::request<http::string_body> request;
    co_await http::async_read(socket, buffer, request, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() =
        answer_(address, std::string(request.method_string()), std::string(request.target()), request.body());
    if (response.body().empty()) co_return;
    response.prepare_payload();
    co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    ++requests_;
  }
}

std::string AdminPorts::obey(const std::string& address, const std::string& method, const std::string& path,
                             const std::string& body) {
  const std::lock_guard lock(mutex_);
  Pod& pod = pods_.at(address);
  if (path == "/admin/facts") return settings::to_json(pod.facts);
  if (method == "PUT" && path == "/admin/settings") {
    const auto change = settings::parse_settings_change(body);
    if (change && change->generation >= pod.report.applied_generation) {
      pod.report.applied_generation = change->generation;
      pod.report.settings = *settings::resolve(change->settings);
    }
  } else if (method == "PUT") {
    if (const auto change = settings::parse_leaving_change(body)) pod.report.leaving = change->leaving;
  }
  return settings::to_json(pod.report);
}

StatefulSets::StatefulSets(kube::Transport& transport, const kube::Client& client, AddressOf address_of,
                           int threads)
    : client_(client),
      address_of_(std::move(address_of)),
      informer_(transport,
                {.type = kube::resources::kStatefulSets, .label_selector = render::managed_selector()},
                {.on_upsert =
                     [this](const kube::ObjectPtr&, const kube::ObjectPtr& object) {
                       const std::lock_guard lock(mutex_);
                       queue_.push_back(object);
                       wake_.notify_one();
                     },
                 .on_delete = {}},
                1) {
  informer_.start();
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

StatefulSets::~StatefulSets() {
  informer_.stop();
}

void StatefulSets::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    kube::ObjectPtr object;
    {
      std::unique_lock lock(mutex_);
      auto next = queue_.end();
      const auto is_free = [this](const kube::ObjectPtr& set) { return !busy_.contains(kube::key_of(*set)); };
      const auto found = [&] {
        next = std::find_if(queue_.begin(), queue_.end(), is_free);
        return next != queue_.end();
      };
      if (!wake_.wait(lock, stop, found)) return;
      object = std::move(*next);
      queue_.erase(next);
      busy_.insert(kube::key_of(*object));
    }
    handle(object);
    const std::lock_guard lock(mutex_);
    busy_.erase(kube::key_of(*object));
    wake_.notify_all();
  }
}

void StatefulSets::handle(const kube::ObjectPtr& object) {
  const Json& set = *object;
  const kube::ObjectKey key = kube::key_of(set);
  const std::int64_t replicas = json::integer_at(set, "/spec/replicas", 0);
  if (json::integer_at(set, "/status/observedGeneration", 0) >= kube::generation(set)) return;
  for (std::int64_t ordinal = 0; ordinal < replicas; ++ordinal) {
    if (address_of_(key, ordinal).empty() || make_pod(set, key, ordinal)) continue;
    ADD_FAILURE() << "no pod " << ordinal << " for " << key.to_string();
    return;
  }
  const Json status{{"status",
                     {{"observedGeneration", kube::generation(set)},
                      {"replicas", replicas},
                      {"updateRevision", revision_of(set)},
                      {"currentRevision", revision_of(set)}}}};
  const auto written = client_.merge_patch(kube::resources::kStatefulSets, key, status, "status");
  EXPECT_TRUE(written) << written.error().to_string();
}

bool StatefulSets::make_pod(const Json& set, const kube::ObjectKey& key, std::int64_t ordinal) {
  const kube::ObjectKey name{key.name_space, key.name + "-" + std::to_string(ordinal)};
  Json labels = json::at(set, "/spec/template/metadata/labels");
  labels["controller-revision-hash"] = revision_of(set);
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(revisions_[name], revision_of(set)) == revision_of(set)) return true;
  }
  const auto made = client_.create(
      kube::resources::kPods,
      {{"metadata", {{"name", name.name}, {"namespace", name.name_space}, {"labels", std::move(labels)}}},
       {"spec",
        {{"nodeName", "none"},
         {"containers", {{{"name", "datastorage"}, {"image", "example.invalid/none:1"}}}}}}});
  if (!made && made.error().is_already_exists()) return replace_pod(set, name);
  if (!made) return false;
  const std::string address = address_of_(key, ordinal);
  const auto ready = client_.merge_patch(kube::resources::kPods, name,
                                         {{"status",
                                           {{"phase", "Running"},
                                            {"podIP", address},
                                            {"podIPs", {{{"ip", address}}}},
                                            {"conditions", ready_conditions(set)},
                                            {"containerStatuses",
                                             {{{"name", "datastorage"},
                                               {"image", "example.invalid/none:1"},
                                               {"imageID", ""},
                                               {"ready", true},
                                               {"restartCount", 0},
                                               {"state", {{"running", Json::object()}}}}}}}}},
                                         "status");
  pods_ += ready.has_value();
  return ready.has_value();
}

bool StatefulSets::replace_pod(const Json& set, const kube::ObjectKey& pod) {
  const auto labelled =
      client_.merge_patch(kube::resources::kPods, pod,
                          {{"metadata", {{"labels", {{"controller-revision-hash", revision_of(set)}}}}}});
  const auto changed = client_.merge_patch(kube::resources::kPods, pod,
                                           {{"status", {{"conditions", ready_conditions(set)}}}}, "status");
  return labelled.has_value() && changed.has_value();
}

}  // namespace storagepool::manager::testing
