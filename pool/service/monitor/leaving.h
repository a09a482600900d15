// Whether the pod is to go, as the operator says. From the moment it is told, the pod is not ready, and for
// `delay` everything is served as before, so that nobody is refused who has not heard of it yet; then it has
// left: its journal takes nothing new, and once empty it stays empty. It is kept in a file, since a container
// that begins again in a pod that is on its way out must not take anything either; a later pod with the same
// volume is another one.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pool/common/runtime/clock.h"

namespace storagepool::service {

class Leaving {
 public:
  // `pod` tells the pods of a volume apart.
  Leaving(std::string path, std::string pod, std::chrono::milliseconds delay);

  // Blocking. What the volume refuses is true until the program ends. Told again, the delay goes on.
  void tell(bool leaving, runtime::TimePoint now);

  bool told() const { return left_at_.has_value(); }
  bool left(runtime::TimePoint now) const { return left_at_ && now >= *left_at_; }

 private:
  std::string path_;
  std::string pod_;
  std::chrono::milliseconds delay_;
  std::optional<runtime::TimePoint> left_at_;
};

}  // namespace storagepool::service
