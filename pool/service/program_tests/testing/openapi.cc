#include "pool/service/program_tests/testing/openapi.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::service::testing {
namespace {

using nlohmann::json;

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> segments;
  std::istringstream in(path);
  for (std::string segment; std::getline(in, segment, '/');) segments.push_back(segment);
  return segments;
}

bool is_parameter(const std::string& segment) {
  return segment.starts_with('{');
}

class Reader {
 public:
  explicit Reader(const std::string& text) : root_(YAML::Load(text)) {}

  std::vector<Operation> operations() const {
    std::vector<Operation> all;
    for (const auto& path : root_["paths"]) {
      for (const auto& entry : path.second) {
        const auto method = entry.first.as<std::string>();
        if (method == "servers") continue;
        all.push_back(operation(method, path.first.as<std::string>(), entry.second));
        const YAML::Node servers = path.second["servers"] ? path.second["servers"] : root_["servers"];
        const auto url = servers[0]["url"].as<std::string>();
        all.back().port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
      }
    }
    if (all.empty()) throw std::runtime_error("the description has no operation");
    return all;
  }

 private:
  YAML::Node resolve(const YAML::Node& node) const {
    if (!node.IsMap() || !node["$ref"]) return node;
    YAML::Node found(root_);
    for (const std::string& key : split(node["$ref"].as<std::string>().substr(2))) {
      const YAML::Node next = std::as_const(found)[key];
      if (!next) throw std::runtime_error("no " + node["$ref"].as<std::string>());
      found.reset(next);
    }
    return resolve(found);
  }

  Operation operation(const std::string& method, const std::string& path, const YAML::Node& node) const {
    Operation result;
    result.id = node["operationId"].as<std::string>();
    result.path = path;
    std::transform(method.begin(), method.end(), std::back_inserter(result.method),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (const auto& each : node["parameters"]) {
      const YAML::Node parameter = resolve(each);
      const auto name = parameter["name"].as<std::string>();
      const auto place = parameter["in"].as<std::string>();
      const YAML::Node example = parameter["example"];
      auto& examples = place == "path"    ? result.in_path
                       : place == "query" ? result.in_query
                                          : result.in_header;
      if (example && example.IsMap()) {
        for (const auto& part : example)
          examples[part.first.as<std::string>()] = part.second.as<std::string>();
      } else if (example) {
        examples[name] = example.as<std::string>();
      }
    }
    if (node["requestBody"]) {
      const YAML::Node schema =
          resolve(resolve(node["requestBody"])["content"]["application/json"]["schema"]);
      const json one = example_of(resolve(schema["items"] ? schema["items"] : schema));
      result.body = schema["items"] ? json::array({one, one}).dump() : one.dump();
    }
    for (const auto& each : node["responses"]) {
      const auto status = each.first.as<std::string>();
      if (status == "default") continue;
      result.answers[static_cast<unsigned>(std::stoi(status))] = answer(resolve(each.second));
    }
    return result;
  }

  // A schema's own example, or one of what its properties have as examples and what is required besides.
  json example_of(const YAML::Node& schema) const {
    if (schema["example"]) return to_json(schema["example"]);
    json object = json::object();
    for (const auto& name : schema["required"]) object[name.as<std::string>()] = nullptr;
    for (const auto& property : schema["properties"]) {
      const YAML::Node example = property.second["example"];
      if (example) object[property.first.as<std::string>()] = to_json(example);
    }
    return object;
  }

  Operation::Answer answer(const YAML::Node& response) const {
    Operation::Answer result;
    if (!response["description"]) throw std::runtime_error("an answer has no description");
    for (const auto& content : response["content"]) {
      result.content_type = content.first.as<std::string>();
      if (!content.second["schema"]) continue;
      const YAML::Node schema = resolve(content.second["schema"]);
      for (const auto& name : schema["required"]) result.required.push_back(name.as<std::string>());
    }
    return result;
  }

  // Quoted scalars are text; of the plain ones those that read as JSON are what they read as.
  static json to_json(const YAML::Node& node) {
    if (node.IsMap()) {
      json object = json::object();
      for (const auto& member : node) object[member.first.as<std::string>()] = to_json(member.second);
      return object;
    }
    if (!node.IsScalar()) throw std::runtime_error("a body has no example");
    const auto text = node.as<std::string>();
    const json value = json::parse(text, nullptr, false);
    return node.Tag() == "!" || value.is_discarded() ? json(text) : value;
  }

  YAML::Node root_;
};

}  // namespace

std::string Operation::target(const std::map<std::string, std::string>& parameters) const {
  std::string result;
  for (const std::string& segment : split(path.substr(1))) {
    const std::string name = is_parameter(segment) ? segment.substr(1, segment.size() - 2) : "";
    const auto given = parameters.find(name);
    result += "/" + (name.empty() ? segment : given != parameters.end() ? given->second : in_path.at(name));
  }
  return result;
}

std::string Operation::query() const {
  std::string text;
  for (const auto& [name, value] : in_query) text += (text.empty() ? "?" : "&") + name + "=" + value;
  return text;
}

std::string Operation::body_of_now() const {
  if (body.empty()) return {};
  json value = json::parse(body);
  const auto now = std::chrono::floor<std::chrono::microseconds>(runtime::wall_now());
  const auto set_time = [&](json& event) {
    if (event.contains("event_timestamp")) event["event_timestamp"] = runtime::format_timestamp(now);
  };
  if (value.is_array()) {
    std::for_each(value.begin(), value.end(), set_time);
  } else {
    set_time(value);
  }
  return value.dump();
}

std::vector<Operation> read_openapi(const std::string& document) {
  return Reader(document).operations();
}

const Operation* find_operation(const std::vector<Operation>& operations, const std::string& method,
                                const std::string& path) {
  const std::vector<std::string> given = split(path.substr(0, path.find('?')));
  const Operation* best = nullptr;
  for (const Operation& operation : operations) {
    const std::vector<std::string> pattern = split(operation.path);
    const bool matches =
        operation.method == method && std::equal(pattern.begin(), pattern.end(), given.begin(), given.end(),
                                                 [](const auto& expected, const auto& segment) {
                                                   return is_parameter(expected) || expected == segment;
                                                 });
    const auto parameters = [](const Operation& of) {
      return std::count(of.path.begin(), of.path.end(), '{');
    };
    if (matches && (best == nullptr || parameters(operation) < parameters(*best))) best = &operation;
  }
  return best;
}

}  // namespace storagepool::service::testing
