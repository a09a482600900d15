#include "operator/cli/output/redact.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace storagepool::cli {
namespace {

bool is_token(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-_.~+/=").find(c) != std::string_view::npos;
}

// Removes the token characters that follow each `mark`, if there are at least `least` of them.
void cut_after(std::string& text, std::string_view mark, std::size_t least, bool keep_mark) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    const std::size_t begin = at + mark.size();
    std::size_t end = begin;
    while (end < text.size() && is_token(text[end])) ++end;
    if (end - begin < least) {
      at = begin;
      continue;
    }
    const std::size_t from = keep_mark ? begin : at;
    text.replace(from, end - from, kRedacted);
    at = from + std::string_view(kRedacted).size();
  }
}

// The value after a key in lower case, as in password=x, "password": "x" and --token x.
void cut_value(std::string& text, std::string_view key) {
  std::string lower(text.size(), ' ');
  std::transform(text.begin(), text.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::size_t at = lower.find(key); at != std::string::npos; at = lower.find(key, at)) {
    std::size_t begin = at + key.size();
    bool divided = false;
    while (begin < text.size() && std::string_view("\\\"': =").find(text[begin]) != std::string_view::npos)
      divided |= text[begin] == '=' || text[begin] == ':', ++begin;
    std::size_t end = begin;
    while (end < text.size() && std::string_view("\\\"', \n&;})]").find(text[end]) == std::string_view::npos)
      ++end;
    if (!divided || end == begin) {
      at += key.size();
      continue;
    }
    text.replace(begin, end - begin, kRedacted);
    lower.replace(begin, end - begin, kRedacted);
    at = begin + std::string_view(kRedacted).size();
  }
}

// user:PASSWORD@ of a URL.
void cut_user_info(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = text.find_first_of("/ \"'\n", at + 3);
    const std::size_t host = text.find('@', at + 3);
    const std::size_t colon = text.find(':', at + 3);
    if (host == std::string::npos || colon == std::string::npos || colon > host || host > end) continue;
    text.replace(colon + 1, host - colon - 1, kRedacted);
  }
}

bool speaks_of_a_secret(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const char* word : {"PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "KEY", "DSN", "PGPASS"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

void redact_values(Json& object) {
  for (Json& value : object) value = kRedacted;
}

void walk(Json& json) {
  if (json.is_string()) {
    json = redact_text(json.get<std::string>());
    return;
  }
  if (json.is_object()) {
    if (json.contains("kind") && json["kind"] == "Secret") {
      for (const char* member : {"data", "stringData"}) {
        if (json.contains(member)) redact_values(json[member]);
      }
    }
    json.erase("managedFields");
    json.erase("kubectl.kubernetes.io/last-applied-configuration");
    const auto name = json.find("name");
    const auto value = json.find("value");
    if (name != json.end() && value != json.end() && name->is_string() && speaks_of_a_secret(*name))
      *value = kRedacted;
  }
  if (json.is_structured()) {
    for (Json& member : json) walk(member);
  }
}

}  // namespace

std::string redact_text(const std::string& text) {
  std::string clean = text;
  for (const char* scheme : {"Bearer ", "bearer ", "Basic ", "basic "}) cut_after(clean, scheme, 8, true);
  for (const char* mark : {"v4.public.", "v4.local.", "k4.secret.", "k4.local.", "eyJ"})
    cut_after(clean, mark, 16, false);
  for (const char* key :
       {"password", "passwd", "pgpassword", "token", "secret_key", "client_secret", "authorization"})
    cut_value(clean, key);
  cut_user_info(clean);
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  for (std::size_t at = clean.find(kBegin); at != std::string::npos; at = clean.find(kBegin, at + 1)) {
    const std::size_t line = clean.find("PRIVATE KEY-----", at);
    if (line == std::string::npos || line > at + 40) continue;
    const std::size_t end = clean.find(kEnd, line);
    clean.replace(at, (end == std::string::npos ? clean.size() : end + kEnd.size()) - at, kRedacted);
  }
  return clean;
}

Json redact_object(Json object) {
  walk(object);
  return object;
}

}  // namespace storagepool::cli
