#include "e2e/support/load.h"

#include <utility>

#include "e2e/support/http.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

// So many exchanges in a row without an answer mean that the pod is gone.
constexpr int kGivenUpAfter = 20;

}  // namespace

Load::Load(std::string name_space) : namespace_(std::move(name_space)) {}

void Load::add_pod(const std::string& pod, int clients) {
  const std::uint16_t port = forwards_.emplace_back(namespace_, "pod/" + pod, std::uint16_t{8080}).port();
  for (int i = 0; i < clients; ++i) {
    clients_.emplace_back([this, port, pod](const std::stop_token& stop) {
      HttpClient client(port);
      int unanswered = 0;
      for (int turn = 0; !stop.stop_requested() && unanswered < kGivenUpAfter; ++turn) {
        // Mostly reads: each takes a connection for itself, while the events of many clients share one.
        HttpRequest request{
            .method = "GET", .target = "/api/v1/audit/events?limit=20", .body = {}, .headers = {}};
        if (turn % 10 == 9) {
          request = {.method = "POST",
                     .target = "/api/v1/audit/events",
                     .body = sample_event("load-" + pod, next_event_++).dump(),
                     .headers = {}};
        }
        const auto answer = client.send(request);
        if (!answer) {
          ++unanswered;
          ++counters_.broken;
          continue;
        }
        unanswered = 0;
        if (answer->status >= 200 && answer->status < 300) {
          ++counters_.accepted;
        } else if (answer->status == 429 || answer->status == 503) {
          ++counters_.refused;
        } else {
          ++counters_.failed;
        }
      }
    });
  }
}

void Load::stop() {
  for (auto& client : clients_) client.request_stop();
  clients_.clear();
  forwards_.clear();
}

std::string Load::report() const {
  return std::to_string(accepted()) + " accepted, " + std::to_string(refused()) + " refused, " +
         std::to_string(failed()) + " failed, " + std::to_string(broken()) + " without an answer";
}

}  // namespace storagepool::e2e
