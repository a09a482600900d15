#include "e2e/chaos/fault_result.h"

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

std::string errors_of(const std::map<int, int>& errors) {
  std::string text;
  for (const auto& [status, count] : errors) {
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + " × " + (status == 0 ? "no answer" : std::to_string(status));
  }
  return text.empty() ? "none" : text;
}

}  // namespace

bool held(const FaultResult& result) {
  return result.stored > 0 && result.lost == 0 && result.doubled == 0 && result.within &&
         result.stored_again.has_value() && result.well_again.has_value();
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
         (result.within ? "" : " **over**") + " | " + errors_of(result.errors) + " | " +
         seconds(result.stored_again) + " | " + seconds(result.well_again) + " | " +
         (result.well_again ? "no" : "**yes**") + " |\n";
}

}  // namespace storagepool::e2e
