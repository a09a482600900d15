#include "pool/auth/tokens/strict_json.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace storagepool::auth {
namespace {

using json::Json;

constexpr int kMaxDepth = 16;

// Follows the parser and notices what it would let pass.
class Watch {
 public:
  bool sound() const { return sound_; }

  void see(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end) names_.pop_back();
    if (event == Event::key && !names_.back().insert(parsed.get<std::string>()).second) sound_ = false;
    if ((event == Event::object_start || event == Event::array_start) && depth >= kMaxDepth) sound_ = false;
  }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  bool sound_ = true;
};

}  // namespace

std::optional<Json> parse_strict_json(std::string_view text) {
  // The parser would take a NUL byte for the end of its input.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  Watch watch;
  Json read = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, const Json& parsed) {
        watch.see(depth, event, parsed);
        return true;
      },
      false);
  if (read.is_discarded() || !watch.sound()) return std::nullopt;
  return read;
}

}  // namespace storagepool::auth
