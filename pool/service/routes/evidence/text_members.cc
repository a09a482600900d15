#include "pool/service/routes/evidence/text_members.h"

#include "pool/common/http/message/problem.h"
#include "pool/event/text.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxBody = std::size_t{64} * 1024;

}  // namespace

std::optional<http::Response> TextMembers::refuse(const http::Request& request) {
  if (request.body.size() <= kMaxBody) return std::nullopt;
  return http::problem(http::ProblemKind::kRequestTooLarge,
                       "the request body has " + std::to_string(request.body.size()) +
                           " bytes; allowed: up to " + std::to_string(kMaxBody),
                       request.path);
}

TextMembers::TextMembers(const std::string& body) : object_(nlohmann::json::parse(body, nullptr, false)) {
  if (!object_.is_object()) errors_.push_back({"body", "allowed: a JSON object"});
}

std::string TextMembers::take(const char* name, std::size_t most) {
  if (!object_.is_object()) return {};
  const auto found = object_.find(name);
  const bool is_text = found != object_.end() && found->is_string();
  std::string text = is_text ? found->get<std::string>() : std::string();
  if (!text.empty() && event::storable_text(text) && *event::utf8_length(text) <= most) return text;
  const std::string given = is_text ? event::quoted(text) : (found == object_.end() ? "nothing" : "no text");
  errors_.push_back(
      {name, "got " + given + "; allowed: 1 to " + std::to_string(most) + " characters, none U+0000"});
  return {};
}

}  // namespace storagepool::service
