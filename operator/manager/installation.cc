#include "operator/manager/installation.h"

#include <algorithm>
#include <utility>

#include "operator/kube/lease.h"
#include "operator/kube/object.h"
#include "pool/common/settings/comma_list.h"

namespace storagepool::manager {
namespace {

// Between the name, which has no space, and the namespaces.
constexpr std::string_view kWatching = " watching ";

}  // namespace

Installation::Installation(std::string name, std::vector<std::string> watched)
    : own_{std::move(name), std::move(watched)} {}

std::string Installation::format(const Mark& mark) {
  return mark.name +
         (mark.watched.empty() ? "" : std::string(kWatching) + settings::join_with_commas(mark.watched));
}

Installation::Mark Installation::parse(std::string_view text) {
  const std::size_t end = text.find(kWatching);
  Mark mark{.name = std::string(text.substr(0, end)), .watched = {}};
  if (end == std::string_view::npos) return mark;
  for (const std::string_view name : settings::split_at_commas(text.substr(end + kWatching.size())))
    mark.watched.emplace_back(name);
  std::sort(mark.watched.begin(), mark.watched.end());
  return mark;
}

std::string Installation::dropped_from(const Mark& mark) const {
  if (mark.name.empty() || own_.watched.empty()) return {};
  if (mark.watched.empty()) return "all but " + settings::join_with_commas(own_.watched);
  std::vector<std::string> dropped;
  std::set_difference(mark.watched.begin(), mark.watched.end(), own_.watched.begin(), own_.watched.end(),
                      std::back_inserter(dropped));
  return settings::join_with_commas(dropped);
}

Installation::Finding Installation::look(const kube::Json& definition, runtime::TimePoint now) {
  const Mark mark = parse(kube::annotation(definition, kInstallationAnnotation));
  const std::string wish = kube::annotation(definition, kHandOverAnnotation);
  const bool wanted = wish == own_.name;
  if (const std::string version = kube::metadata_string(definition, "resourceVersion"); version != version_) {
    version_ = version;
    free_since_ = now;
  }
  const bool anothers = wish.empty() ? !mark.name.empty() && mark.name != own_.name : !wanted;
  if (anothers) {
    seen_another_ = true;
    return {.owner = wish.empty() ? mark.name : wish};
  }
  if (mark == own_ && wish.empty()) return {.ours = true};
  if (std::string dropped = dropped_from(mark); !dropped.empty()) return {.dropped = std::move(dropped)};
  const bool nobody_else_acts = mark.name == own_.name || (mark.name.empty() && !wanted && !seen_another_);
  if (!nobody_else_acts && now - free_since_ < kube::Election::kDuration)
    return {.owner = mark.name, .taking_over = true};
  return {.patch = claim(definition)};
}

kube::Json Installation::claim(const kube::Json& definition) const {
  return {{"metadata",
           {{"resourceVersion", kube::metadata_string(definition, "resourceVersion")},
            {"annotations", {{kInstallationAnnotation, format(own_)}, {kHandOverAnnotation, nullptr}}}}}};
}

std::string Installation::remedy() const {
  return std::string("kubectl annotate crd ") + kStoragePoolsDefinition + " --overwrite " +
         kHandOverAnnotation + "=" + own_.name;
}

std::string Installation::remedy_of_dropped() const {
  return std::string("kubectl annotate crd ") + kStoragePoolsDefinition + " --overwrite '" +
         kInstallationAnnotation + "=" + format(own_) + "'";
}

}  // namespace storagepool::manager
