// What the caches keep of an object: what is read of it (view.h, trouble.h, children.h). Most of what the API
// server serves is the pods' template and who has set which field. Pure.
#pragma once

#include "operator/kube/resource.h"
#include "operator/kube/selection/selection.h"

namespace storagepool::reconcile {

// Of an object of this type.
const kube::Selection& what_is_read(const kube::ResourceType& type);
// Of a Deployment or StatefulSet of somebody else (other_workload.h) that declares something.
const kube::Selection& what_is_read_of_other_workloads();
// Takes everything else away; next to nothing stays of one that declares nothing.
void keep_of_other_workload(kube::Json& object);

}  // namespace storagepool::reconcile
