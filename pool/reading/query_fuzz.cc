// Filters of `GET /api/v1/audit/events`: the input is one "name=value" per line, as after decoding. What is
// accepted is within its limits, and the same filters written plainly mean the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/fuzzing/require.h"
#include "pool/event/text.h"
#include "pool/reading/query.h"

namespace storagepool::reading {
namespace {

using fuzzing::require;
using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr runtime::Timestamp kNow{std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} +
                                  std::chrono::hours{12}};

Parameters read_lines(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = std::min(line.find('='), line.size());
    parameters.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
  }
  return parameters;
}

void add(Parameters& parameters, const TextFilter& filter, std::vector<std::string> values) {
  require(values.size() <= kMaxValues + 1, "there are not too many values");
  for (const std::string& value : values)
    require(event::storable_text(value), "an accepted filter can be compared with what is stored");
  // A value with a comma comes by the singular alone, which then is the last.
  if (values.empty()) return;
  parameters.emplace_back(filter.name, values.back());
  values.pop_back();
  std::string several;
  for (const std::string& value : values) several += (several.empty() ? "" : ",") + value;
  parameters.emplace_back(filter.plural, several);
}

void add(Parameters& parameters, const char* name, const std::optional<runtime::Timestamp>& value) {
  if (value) parameters.emplace_back(name, runtime::format_timestamp(*value));
}

Parameters plainly(const ListQuery& query) {
  Parameters parameters;
  for (const TextFilter& filter : kTextFilters) add(parameters, filter, (query.*filter.values).values);
  add(parameters, "since", query.since);
  add(parameters, "until", query.until);
  add(parameters, "received_since", query.received_since);
  add(parameters, "received_until", query.received_until);
  if (query.detail) {
    parameters.emplace_back("detail_key", query.detail->key);
    parameters.emplace_back("detail_value", query.detail->value);
  }
  if (query.count != Count::kUsual)
    parameters.emplace_back("count", query.count == Count::kExact ? "exact" : "none");
  parameters.emplace_back("limit", std::to_string(query.limit));
  parameters.emplace_back("offset", std::to_string(query.offset));
  return parameters;
}

}  // namespace
}  // namespace storagepool::reading

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::reading;
  const auto parameters = read_lines({reinterpret_cast<const char*>(data), size});
  const auto query = parse_list_query(parameters, kNow);
  if (!query) {
    require(!query.error().empty(), "a refusal says why");
    for (const storagepool::event::FieldError& error : query.error()) {
      require(!error.field.empty() && storagepool::event::utf8_length(error.message).value_or(0) > 0,
              "each reason is readable");
    }
    return 0;
  }
  require(query->limit >= 1 && query->limit <= kMaxLimit, "the limit is within its bounds");
  require(query->offset >= 0, "the offset is not negative");
  const auto again = parse_list_query(plainly(*query), kNow);
  require(again.has_value(), "accepted filters, written plainly, are accepted");
  require(plainly(*again) == plainly(*query), "accepted filters, written plainly, mean the same");
  return 0;
}
