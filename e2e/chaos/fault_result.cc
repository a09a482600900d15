#include "e2e/chaos/fault_result.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace storagepool::e2e {
namespace {

std::string seconds(const std::optional<double>& value) {
  if (!value) return "**never**";
  std::array<char, 32> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%.1f s", *value));
  return text.data();
}

std::string none_or(std::size_t count) {
  return count == 0 ? "0" : "**" + std::to_string(count) + "**";
}

bool is_clear(const FaultResult& result, int status) {
  return status == 0 || status == 429 || status == 503 || result.refusals.contains(status);
}

std::string errors_of(const FaultResult& result) {
  std::string text;
  for (const auto& [status, count] : result.errors) {
    if (!text.empty()) text += ", ";
    const std::string mark = is_clear(result, status) ? "" : "**";
    text +=
        mark + std::to_string(count) + " × " + (status == 0 ? "no answer" : std::to_string(status)) + mark;
  }
  return text.empty() ? "none" : text;
}

}  // namespace

bool held(const FaultResult& result) {
  return result.stored > 0 && result.lost == 0 && result.doubled == 0 && result.within &&
         result.stored_again.has_value() && result.well_again.has_value() &&
         std::ranges::all_of(result.errors, [&](const auto& error) { return is_clear(result, error.first); });
}

std::string fault_table() {
  return "| fault | | acknowledged (201, 202) | lost | doubled | most backends of usable | errors | stored "
         "again "
         "after | well again after | a person had to act |\n|---|---|---|---|---|---|---|---|---|---|\n";
}

std::string fault_row(const FaultResult& result) {
  return "| " + result.title + " | " + (held(result) ? "held" : "**broken**") + " | " +
         std::to_string(result.stored) + ", " + std::to_string(result.journalled) + " | " +
         none_or(result.lost) + " | " + none_or(result.doubled) + " | " +
         std::to_string(result.most_backends) + " of " + std::to_string(result.usable) +
         (result.within ? "" : " **over**") + " | " + errors_of(result) + " | " +
         seconds(result.stored_again) + " | " + seconds(result.well_again) + " | " +
         (result.well_again ? "no" : "**yes**") + " |\n";
}

}  // namespace storagepool::e2e
