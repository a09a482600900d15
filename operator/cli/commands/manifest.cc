#include "operator/cli/commands/manifest.h"

#include <cstdlib>
#include <exception>
#include <regex>
#include <stdexcept>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr int kDeepest = 64;
constexpr int kMostNodes = 20'000;  // aliases count as often as they stand

// As kubectl takes unquoted words (YAML 1.1).
Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return text;
  static const std::regex truths("(yes|Yes|YES|on|On|ON|true|True|TRUE)");
  static const std::regex lies("(no|No|NO|off|Off|OFF|false|False|FALSE)");
  static const std::regex integers("[-+]?(0|[1-9][0-9]{0,17})");
  static const std::regex decimals(R"([-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?)");
  if (std::regex_match(text, truths)) return true;
  if (std::regex_match(text, lies)) return false;
  if (std::regex_match(text, integers)) return std::strtoll(text.c_str(), nullptr, 10);
  if (std::regex_match(text, decimals)) return std::strtod(text.c_str(), nullptr);
  return text;
}

Json convert(const YAML::Node& node, int depth, int& left) {
  if (depth > kDeepest || --left < 0) throw std::runtime_error("it is nested too deeply, or too large");
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& item : node) list.push_back(convert(item, depth + 1, left));
    return list;
  }
  if (!node.IsMap()) return nullptr;
  Json object = Json::object();
  for (const auto& member : node) {
    if (!object.emplace(member.first.Scalar(), convert(member.second, depth + 1, left)).second)
      throw std::runtime_error("the key \"" + member.first.Scalar() + "\" stands twice");
  }
  return object;
}

void take(Json object, std::vector<Json>& found) {
  if (object.is_object() && object.contains("items") && object["items"].is_array()) {
    for (Json& item : object["items"]) take(std::move(item), found);
  } else if (json::text_at(object, "/kind") == "StoragePool") {
    found.push_back(std::move(object));
  }
}

}  // namespace

Result<std::vector<Json>> storage_pools_in(std::string_view text) {
  const auto failure = [](const std::string& message) {
    return tl::unexpected(Failure{FailureKind::kUnreadable, message});
  };
  if (text.size() > kMostManifestBytes) return failure("it has more than 1 MiB");
  std::vector<Json> found;
  std::size_t number = 0;
  try {
    int left = kMostNodes;
    for (const YAML::Node& document : YAML::LoadAll(std::string(text))) {
      ++number;
      take(convert(document, 0, left), found);
    }
  } catch (const std::exception& error) {
    return failure("document " + std::to_string(number == 0 ? 1 : number) + ": " + error.what());
  }
  return found;
}

}  // namespace storagepool::cli
