#include "e2e/support/objects.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "e2e/support/http.h"
#include "e2e/support/kubectl.h"
#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;

class ApiProxy {
 public:
  ApiProxy() : child_({"kubectl", "proxy", "--address=127.0.0.1", "--port=0"}) {
    constexpr std::string_view kPrefix = "Starting to serve on 127.0.0.1:";
    const std::string line = child_.read_line(std::chrono::seconds{30}).value_or("");
    std::uint16_t port = 0;
    if (line.starts_with(kPrefix))
      std::from_chars(line.data() + kPrefix.size(), line.data() + line.size(), port);
    if (port == 0) throw KubectlError("kubectl proxy did not come up: " + line);
    client_.emplace(port);
  }

  json get(const std::string& path) {
    const std::lock_guard lock(mutex_);
    // Not with the token of the scenario's requests: the proxy has its own credentials.
    const HttpRequest request{
        .method = "GET", .target = path, .body = {}, .headers = {{"Authorization", ""}}};
    auto answer = client_->send(request);
    if (!answer) answer = client_->send(request);  // the connection had been closed meanwhile
    if (!answer) throw KubectlError("GET " + path + ": " + answer.error());
    if (answer->status != 200)
      throw KubectlError("GET " + path + ": " + std::to_string(answer->status) + " " + answer->body);
    return json::parse(answer->body);
  }

 private:
  Child child_;
  std::mutex mutex_;
  std::optional<HttpClient> client_;
};

ApiProxy& proxy() {
  static ApiProxy instance;
  return instance;
}

std::string path_of(const std::string& name_space, const std::string& kind) {
  constexpr auto kApis = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"configmaps", "/api/v1"},
       {"persistentvolumeclaims", "/api/v1"},
       {"pods", "/api/v1"},
       {"resourcequotas", "/api/v1"},
       {"secrets", "/api/v1"},
       {"serviceaccounts", "/api/v1"},
       {"services", "/api/v1"},
       {"controllerrevisions", "/apis/apps/v1"},
       {"deployments", "/apis/apps/v1"},
       {"statefulsets", "/apis/apps/v1"},
       {"endpointslices", "/apis/discovery.k8s.io/v1"},
       {"events", "/apis/events.k8s.io/v1"},
       {"poddisruptionbudgets", "/apis/policy/v1"},
       {"storagepools", "/apis/storagepool.dev/v1alpha1"}});
  for (const auto& [plural, api] : kApis) {
    if (kind == plural || kind + "s" == plural)
      return std::string(api) + "/namespaces/" + name_space + "/" + std::string(plural);
  }
  throw KubectlError("e2e/support/objects.cc does not know where the kind '" + kind + "' is served");
}

}  // namespace

json get_object(const std::string& name_space, const std::string& kind, const std::string& name) {
  return proxy().get(path_of(name_space, kind) + "/" + name);
}

json list_objects(const std::string& name_space, const std::string& kinds, const std::string& selector) {
  json items = json::array();
  std::istringstream each(kinds);
  for (std::string kind; std::getline(each, kind, ',');) {
    json list =
        proxy().get(path_of(name_space, kind) + (selector.empty() ? "" : "?labelSelector=" + selector));
    // As kubectl has it: "PodList" has items that do not say what they are.
    std::string item_kind = list.at("kind");
    item_kind.resize(item_kind.size() - std::string_view("List").size());
    for (json& item : list.at("items")) {
      item["kind"] = item_kind;
      items.push_back(std::move(item));
    }
  }
  return items;
}

}  // namespace storagepool::e2e
