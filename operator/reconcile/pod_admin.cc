#include "operator/reconcile/pod_admin.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

// Runs `work` for 0 to count-1 on a few threads, this one among them.
void for_each_at_once(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(count, kPodsAtOnce); ++i) helpers.emplace_back(run);
  run();
}

std::string url(const PodView& pod, const char* path) {
  const bool v6 = pod.ip.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + pod.ip + "]" : pod.ip) + ":" + std::to_string(render::kAdminPort) + path;
}

void read_report(const tl::expected<kube::PodResponse, kube::ApiError>& response, PodAnswer& answer) {
  if (!response) {
    answer.failure = "its administration port does not answer (" + response.error().reason + ")";
  } else if (response->status == 401) {
    answer.unauthorized = true;
    answer.failure = "it refuses the operator's token";
  } else if (response->status != 200) {
    answer.failure = "its administration port answered " + std::to_string(response->status);
  } else if (auto report = settings::parse_settings_report(response->body)) {
    answer.report = *report;
  } else {
    answer.failure = "its report of the settings in force cannot be read";
  }
}

bool reachable(const std::vector<PodState>& pods, const PodView& pod) {
  // A cached address may have gone to another pod of the StatefulSet, which would answer with the same token.
  const auto has_its_address = [&](const PodState& other) { return other.view.ip == pod.ip; };
  return pod.started && !pod.ip.empty() && std::count_if(pods.begin(), pods.end(), has_its_address) == 1;
}

}  // namespace

void PodAdmin::ask(std::vector<PodState>& pods, const std::vector<std::size_t>& indices,
                   const std::string& token) const {
  for_each_at_once(indices.size(), [&](std::size_t i) {
    PodState& pod = pods[indices[i]];
    PodAnswer& answer = pod.answer = {};
    if (!reachable(pods, pod.view)) {
      answer.failure = "it has no address yet";
      return;
    }
    read_report(client_.get(url(pod.view, "/admin/settings"), token, kPodDeadline), answer);
    if (!answer.report) return;
    const auto facts = client_.get(url(pod.view, "/admin/facts"), token, kPodDeadline);
    if (!facts || facts->status != 200) return;
    if (auto parsed = settings::parse_facts_report(facts->body)) answer.facts = std::move(*parsed);
  });
}

void PodAdmin::push(std::vector<PodState>& pods, const std::vector<std::size_t>& indices,
                    const std::string& token, const settings::SettingsChange& change) const {
  for_each_at_once(indices.size(), [&](std::size_t i) {
    PodState& pod = pods[indices[i]];
    settings::SettingsChange known = change;
    if (const auto& report = pod.answer.report) {
      known.settings = settings::known_to(*report, std::move(known.settings));
    }
    put(pod, "/admin/settings", token, settings::to_json(known));
    pod.pushed = true;
  });
}

void PodAdmin::tell(std::vector<PodState>& pods, const std::vector<std::size_t>& indices,
                    const std::string& token, const settings::LeavingChange& change) const {
  const std::string body = settings::to_json(change);
  for_each_at_once(indices.size(), [&](std::size_t i) {
    put(pods[indices[i]], "/admin/leaving", token, body);
    pods[indices[i]].told = true;
  });
}

void PodAdmin::put(PodState& pod, const char* path, const std::string& token, const std::string& body) const {
  PodAnswer answer;
  read_report(client_.put(url(pod.view, path), token, body, kPodDeadline), answer);
  if (answer.report) pod.answer.report = std::move(answer.report);
}

}  // namespace storagepool::reconcile
