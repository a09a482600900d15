#include "pool/event/fields.h"

namespace storagepool::event {

bool kind::Choice::has(std::string_view text) const {
  return std::ranges::find(values, text) != values.end();
}

std::string kind::Choice::allowed() const {
  std::string list;
  for (const std::string_view value : values) {
    if (!list.empty()) list += ", ";
    list += value;
  }
  return list;
}

std::string Absence::default_text(const Event& event) const {
  std::string value = of == nullptr ? std::string() : event.*of;
  value += text;
  return value;
}

}  // namespace storagepool::event
