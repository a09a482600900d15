// What the caches keep of an object: what is read of it (view.h, trouble.h, children.h). Most of what the API
// server serves is the pods' template and who has set which field. Pure.
#pragma once

#include "operator/kube/resource.h"

namespace storagepool::reconcile {

// Takes everything else away from an object of this type. What has another shape than expected stays so.
void keep_what_is_read(const kube::ResourceType& type, kube::Json& object);
// Likewise of a Deployment or StatefulSet of somebody else (other_workload.h): next to nothing of one that
// declares nothing.
void keep_of_other_workload(kube::Json& object);

}  // namespace storagepool::reconcile
