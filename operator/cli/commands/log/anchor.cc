#include "operator/cli/commands/log/anchor.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

std::optional<tlog::Hash> read_hash(const Json& text) {
  if (!text.is_string()) return std::nullopt;
  const auto bytes = encoding::decode_base64(text.get_ref<const std::string&>());
  tlog::Hash hash{};
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::ranges::transform(*bytes, hash.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return hash;
}

std::string base64_of(const tlog::Hash& hash) {
  return encoding::encode_base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::optional<std::uint64_t> read_size(const Json& size) {
  if (!size.is_number_unsigned() || size == 0) return std::nullopt;
  return size.get<std::uint64_t>();
}

std::optional<Step> read_step(const Json& given) {
  const auto from = read_size(json::member(given, "from"));
  const auto to = read_size(json::member(given, "to"));
  const Json& path = json::member(given, "path");
  if (!from || !to || !path.is_array()) return std::nullopt;
  Step step{.from = *from, .to = *to};
  for (const Json& text : path) {
    const auto hash = read_hash(text);
    if (!hash) return std::nullopt;
    step.path.push_back(*hash);
  }
  return step;
}

}  // namespace

std::optional<std::pair<std::uint64_t, tlog::Hash>> anchored_in(const Json& item, const std::string& origin) {
  for (const Json& log : json::at(item, "/event_data/logs")) {
    if (json::text_at(log, "/origin") != origin) continue;
    const auto size = read_size(json::member(log, "size"));
    const auto root = read_hash(json::member(log, "root"));
    if (size && root) return std::pair(*size, *root);
  }
  return std::nullopt;
}

std::string anchor_line(const std::string& event, const std::vector<Step>& steps) {
  Json continued = Json::array();
  for (const Step& step : steps) {
    Json path = Json::array();
    for (const tlog::Hash& hash : step.path) path.push_back(base64_of(hash));
    continued.push_back({{"from", step.from}, {"to", step.to}, {"path", std::move(path)}});
  }
  // The event as text: its event_data is verified byte for byte.
  return Json{{"anchor", {{"event", event}, {"continued", std::move(continued)}}}}.dump();
}

tl::expected<Anchor, std::string> read_anchor(const Json& anchor) {
  const Json& event = json::member(anchor, "event");
  const Json& continued = json::member(anchor, "continued");
  if (!event.is_string() || !continued.is_array())
    return tl::unexpected(std::string("it has no event, or not how the log went on"));
  Anchor read{.event = event.get<std::string>()};
  for (const Json& given : continued) {
    auto step = read_step(given);
    if (!step) return tl::unexpected(std::string("how the log went on cannot be read"));
    read.steps.push_back(*std::move(step));
  }
  return read;
}

bool continues(const Roots& roots, const std::vector<Step>& steps) {
  tlog::Hasher hasher;
  auto step = steps.begin();
  for (auto before = roots.begin(); before != roots.end(); ++before) {
    const auto next = std::next(before);
    if (next == roots.end()) return step == steps.end();
    if (step == steps.end() || step->from != before->first || step->to != next->first) return false;
    if (!tlog::verify_consistency(hasher, before->first, before->second, next->first, next->second,
                                  step->path)) {
      return false;
    }
    ++step;
  }
  return steps.empty();
}

}  // namespace storagepool::cli
