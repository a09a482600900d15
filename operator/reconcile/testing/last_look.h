// A map as it was at the last look, for fakes that tell whether anything has changed since.
#pragma once

#include <map>

namespace storagepool::reconcile {

template <typename Key, typename Value>
class LastLook {
 public:
  // Whether it is another than at the last call; `same` says which values are the same.
  template <typename Same>
  bool changed(const std::map<Key, Value>& now, Same same) {
    bool differs = std::erase_if(last_, [&](const auto& one) { return !now.contains(one.first); }) > 0;
    for (const auto& [key, value] : now) {
      const auto [known, is_new] = last_.try_emplace(key, value);
      if (!is_new && same(known->second, value)) continue;
      if (!is_new) known->second = value;
      differs = true;
    }
    return differs;
  }

 private:
  std::map<Key, Value> last_;
};

}  // namespace storagepool::reconcile
