#include "pool/event/personal_data.h"

#include <algorithm>
#include <array>

#include "pool/event/json_members.h"
#include "pool/event/json_scanner.h"

namespace storagepool::event {
namespace {

// As a word of a name, `ip` is found in `client_ip` and in `clientIp`, but not in `description`.
constexpr std::array<std::string_view, 7> kWords = {"ip", "ips", "ipv4", "ipv6", "ssn", "card", "cards"};
// Anywhere in a name whose words may not be told apart.
constexpr std::array<std::string_view, 7> kParts = {"email",      "phone",      "ipaddr",        "creditcard",
                                                    "cardnumber", "cardholder", "socialsecurity"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool names_personal_data(std::string_view name) {
  std::string joined;
  std::string word;
  bool found = false;
  const auto end_word = [&] {
    found = found || std::ranges::find(kWords, word) != kWords.end();
    word.clear();
  };
  char before = '\0';
  for (const char c : name) {
    if (is_upper(c) && !is_upper(before)) end_word();
    if (is_lower(c) || is_upper(c) || is_digit(c)) {
      const char lower = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
      joined += lower;
      word += lower;
    } else {
      end_word();
    }
    before = c;
  }
  end_word();
  return found || std::ranges::any_of(
                      kParts, [&](std::string_view part) { return joined.find(part) != std::string::npos; });
}

std::string mask_personal_data(std::string_view json) {
  std::string masked;
  std::size_t copied = 0;
  JsonScanner scanner(json);
  for (char next = scanner.peek(); next != '\0'; next = scanner.peek()) {
    if (std::string_view("{}[],:").find(next) != std::string_view::npos) {
      scanner.literal(next);
      continue;
    }
    const std::string_view token = scanner.value();
    const bool is_name = next == '"' && scanner.literal(':');
    if (!is_name || !names_personal_data(json_string(token))) continue;
    const std::string_view value = scanner.value();
    if (value == "null") continue;
    const auto at = static_cast<std::size_t>(value.data() - json.data());
    masked += json.substr(copied, at - copied);
    masked += '"';
    masked += kMask;
    masked += '"';
    copied = at + value.size();
  }
  masked += json.substr(copied);
  return masked;
}

void mask_personal_data(Event& event) {
  event.event_data = mask_personal_data(event.event_data);
  if (event.actor_ip) event.actor_ip = kMask;
  if (event.received_from) event.received_from = kMask;
}

}  // namespace storagepool::event
