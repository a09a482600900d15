// New PostgreSQL clusters, private to this folder. `initdb` takes seconds, so one is made for each version of
// PostgreSQL and kept in a cache folder; every other cluster is a copy of it. Copies share the system
// identifier.
//
// A template appears under its name only when it is whole, and never changes: nobody writes there, no server
// runs in it. Any number of processes may ask at the same time: the first one makes it, the others wait for
// that. One that dies on the way leaves a half that nobody uses and that the next one removes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace storagepool::postgres::testing {

// "storagepool/postgres" in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache); empty when the user has
// none.
std::filesystem::path cluster_cache();

// Makes `data`, which is not there, a new cluster. `key` is a file name that says what `initdb` depends on;
// `initdb` makes a cluster in `data`, and is called when there is no template for the key yet or `cache` is
// empty or cannot be written. Owners and permissions are copied, so `data` must be in a folder of the same
// user as at any other call with that key. Throws std::runtime_error.
void make_cluster(const std::filesystem::path& cache, const std::string& key,
                  const std::filesystem::path& data, const std::filesystem::path& log,
                  const std::function<void()>& initdb);

}  // namespace storagepool::postgres::testing
