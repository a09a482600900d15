// How the connections that are to be had are shared: weighted max-min fairness in whole connections per pod.
// Pure.
//
// First everybody's minimum: pods that run before new ones, earlier StoragePools before later ones; what does
// not fit is left out. Then pods get one connection more at a time, those of the StoragePool first whose
// share would be the least for its weight (ties: the earlier), until what it asks or a limit that it is under
// is reached. So nobody can get more but by taking from somebody who has less for its weight; and nothing is
// left over that anybody's pods could have.
//
// After the minimum of all pods that are asked for comes that of pods that may be (Request::sized_for): room
// is kept for them as if they were there.
//
// Strict asks for all or for what it has: when its share is less than all, it takes no part in the growth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "operator/sizing/sizing.h"

namespace storagepool::sizing {

struct Asker {
  Request request;
  Existing existing;
  std::vector<std::size_t> limits;  // indices of those that it is under, each once
};

struct Shared {
  Share share;
  std::int64_t least = 0;  // connections at the minimum of all pods that exist, are to or may be
};

// `askers` are in order of seniority. `limits`: what of each is left when everything that is not shared has
// been taken away; below 0 counts as 0. The result has the order of `askers`.
std::vector<Shared> share(const std::vector<Asker>& askers, const std::vector<std::int64_t>& limits);

}  // namespace storagepool::sizing
