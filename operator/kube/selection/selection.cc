#include "operator/kube/selection/selection.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <simdjson.h>

namespace storagepool::kube {
namespace {

namespace ondemand = simdjson::ondemand;
using json::Json;
using Part = Selection::Part;

constexpr std::string_view kEach = "*";
const Part kWhole;
// What is larger has a parser of its own, whose buffers take some seven times the text.
constexpr std::size_t kMostKept = std::size_t{32} * 1024;
// Below what simdjson takes, which does not count them.
constexpr int kMostLevels = 500;
// simdjson 3.0 reads 0 where a number with a fraction or an exponent has more.
constexpr std::size_t kMostDigits = 18;

std::vector<std::string> names_of(std::string_view place) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] == '/') {
      names.emplace_back();
    } else if (place[i] == '~' && i + 1 < place.size()) {
      names.back() += place[++i] == '1' ? '/' : '~';
    } else {
      names.back() += place[i];
    }
  }
  return names;
}

// On the way to it the rest is kept, or not.
Part& put(Part& root, std::string_view place, bool rest) {
  Part* part = &root;
  for (const std::string& name : names_of(place))
    part = &part->members.try_emplace(name, Part{rest}).first->second;
  return *part;
}

// Null: nothing of it is kept.
const Part* part_of(const Part& part, std::string_view member) {
  const auto named = part.members.find(member);
  const Part* found = named != part.members.end() ? &named->second : part.rest ? &kWhole : nullptr;
  return found != nullptr && (found->rest || !found->members.empty()) ? found : nullptr;
}

const Part& element_of(const Part& part) {
  const auto each = part.members.find(kEach);
  return each == part.members.end() ? kWhole : each->second;
}

bool is_left_out(const Part& part, const Json& kept) {
  return !part.rest && kept.is_object() && kept.empty();
}

Json pick_part(const Part& part, const Json& value) {
  if (part.members.empty()) return value;
  if (value.is_array()) {
    Json kept = Json::array();
    for (const Json& element : value) kept.push_back(pick_part(element_of(part), element));
    return kept;
  }
  if (!value.is_object() || part.members.contains(kEach)) return value;
  Json kept = Json::object();
  for (auto member = value.begin(); member != value.end(); ++member) {
    const Part* wanted = part_of(part, member.key());
    if (wanted == nullptr) continue;
    Json child = pick_part(*wanted, *member);
    if (!is_left_out(*wanted, child)) kept.emplace(member.key(), std::move(child));
  }
  return kept;
}

struct Parser {
  ondemand::parser parser;
  std::string text;
};

// Those that nobody uses right now: as many as there were at once.
class Parsers {
 public:
  std::unique_ptr<Parser> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Parser>();
    auto parser = std::move(idle_.back());
    idle_.pop_back();
    return parser;
  }
  void give_back(std::unique_ptr<Parser> parser) {
    if (parser->text.capacity() > kMostKept) return;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(parser));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Parser>> idle_;
};

Parsers& parsers() {
  static Parsers shared;
  return shared;
}

bool read_value(const Part& part, ondemand::value value, int depth, Json& into);

bool read_object(const Part& part, ondemand::object object, int depth, Json& into) {
  const Part& members = part.members.contains(kEach) ? kWhole : part;
  into = Json::object();
  auto& kept = into.get_ref<Json::object_t&>();
  for (auto next : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(next).get(field) != simdjson::SUCCESS ||
        field.unescaped_key().get(key) != simdjson::SUCCESS)
      return false;
    const Part* wanted = part_of(members, key);
    if (wanted == nullptr) continue;
    std::string name(key);  // its place is used for what follows
    Json child;
    if (!read_value(*wanted, field.value(), depth + 1, child)) return false;
    if (!is_left_out(*wanted, child)) kept.insert_or_assign(std::move(name), std::move(child));
  }
  return true;
}

bool read_array(const Part& part, ondemand::array array, int depth, Json& into) {
  into = Json::array();
  auto& kept = into.get_ref<Json::array_t&>();
  for (auto next : array) {
    ondemand::value value;
    if (std::move(next).get(value) != simdjson::SUCCESS) return false;
    if (!read_value(element_of(part), value, depth + 1, kept.emplace_back())) return false;
  }
  return true;
}

bool read_number(ondemand::value value, Json& into) {
  const std::size_t length = value.raw_json_token().size();
  ondemand::number number;
  if (value.get_number().get(number) != simdjson::SUCCESS) return false;
  if (number.is_double()) {
    if (length > kMostDigits) return false;
    into = number.get_double();
  } else if (number.is_int64() && number.get_int64() < 0) {
    into = number.get_int64();
  } else {
    into = number.is_int64() ? static_cast<std::uint64_t>(number.get_int64()) : number.get_uint64();
  }
  return true;
}

bool read_value(const Part& part, ondemand::value value, int depth, Json& into) {
  if (depth > kMostLevels) return false;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      return value.get_object().get(object) == simdjson::SUCCESS && read_object(part, object, depth, into);
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      return value.get_array().get(array) == simdjson::SUCCESS && read_array(part, array, depth, into);
    }
    case ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return false;
      into = std::string(text);
      return true;
    }
    case ondemand::json_type::number:
      return read_number(value, into);
    case ondemand::json_type::boolean: {
      bool truth = false;
      if (value.get_bool().get(truth) != simdjson::SUCCESS) return false;
      into = truth;
      return true;
    }
    case ondemand::json_type::null: {
      bool is_null = false;
      into = nullptr;
      return value.is_null().get(is_null) == simdjson::SUCCESS && is_null;
    }
  }
  return false;
}

// Of which simdjson takes a single one for a character.
bool may_have_surrogates(std::string_view text) {
  return text.find("\\ud") != std::string_view::npos || text.find("\\uD") != std::string_view::npos;
}

// Nothing: not an object, or something that takes a closer look.
std::optional<Json> read_quickly(const Part& root, std::string_view text) {
  if (may_have_surrogates(text)) return std::nullopt;
  auto parser = parsers().take();
  parser->text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  parser->text.assign(text);
  parser->text.append(simdjson::SIMDJSON_PADDING, '\0');
  std::optional<Json> whole(std::in_place);
  {
    ondemand::document document;
    ondemand::object object;
    const simdjson::padded_string_view padded(parser->text.data(), text.size(), parser->text.size());
    const bool done = parser->parser.iterate(padded).get(document) == simdjson::SUCCESS &&
                      document.get_object().get(object) == simdjson::SUCCESS &&
                      read_object(root, object, 0, *whole) &&
                      document.current_location().error() == simdjson::OUT_OF_BOUNDS;  // nothing behind it
    if (!done) whole.reset();
  }
  parsers().give_back(std::move(parser));
  return whole;
}

}  // namespace

Selection Selection::all_but(const std::vector<std::string>& places) {
  Selection selection;
  for (const std::string& place : places) put(selection.root_, place, true).rest = false;
  return selection;
}

Selection Selection::only(const std::vector<std::string>& places) {
  Selection selection;
  selection.root_.rest = false;
  for (const std::string& place : places) put(selection.root_, place, false).rest = true;
  return selection;
}

Selection Selection::at(const std::string& place) const {
  Selection selection;
  put(selection.root_, place, true) = root_;
  return selection;
}

Json Selection::pick(const Json& whole) const {
  return pick_part(root_, whole);
}

Json Selection::read(std::string_view text) const {
  if (auto quickly = read_quickly(root_, text)) return *std::move(quickly);
  const Json whole = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return whole.is_discarded() ? whole : pick(whole);
}

}  // namespace storagepool::kube
