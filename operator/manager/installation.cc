#include "operator/manager/installation.h"

#include <utility>

#include "operator/kube/lease.h"
#include "operator/kube/object.h"

namespace storagepool::manager {

Installation::Installation(std::string name) : name_(std::move(name)) {}

Installation::Finding Installation::look(const kube::Json& definition, runtime::TimePoint now) {
  const std::string mark = kube::annotation(definition, kInstallationAnnotation);
  const std::string wish = kube::annotation(definition, kHandOverAnnotation);
  const bool wanted = wish == name_;
  if (const std::string version = kube::metadata_string(definition, "resourceVersion"); version != version_) {
    version_ = version;
    free_since_ = now;
  }
  const bool anothers = wish.empty() ? !mark.empty() && mark != name_ : !wanted;
  if (anothers) {
    seen_another_ = true;
    return {.owner = wish.empty() ? mark : wish};
  }
  if (mark == name_ && wish.empty()) return {.ours = true};
  const bool nobody_else_acts = mark == name_ || (mark.empty() && !wanted && !seen_another_);
  if (!nobody_else_acts && now - free_since_ < kube::Election::kDuration)
    return {.owner = mark, .taking_over = true};
  return {.patch = claim(definition)};
}

kube::Json Installation::claim(const kube::Json& definition) const {
  return {{"metadata",
           {{"resourceVersion", kube::metadata_string(definition, "resourceVersion")},
            {"annotations", {{kInstallationAnnotation, name_}, {kHandOverAnnotation, nullptr}}}}}};
}

std::string Installation::remedy() const {
  return std::string("kubectl annotate crd ") + kStoragePoolsDefinition + " --overwrite " +
         kHandOverAnnotation + "=" + name_;
}

}  // namespace storagepool::manager
