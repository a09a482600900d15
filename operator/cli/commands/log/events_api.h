// A StoragePool's API as the commands about its events ask it: through its Service, with a token of a service
// account.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/cli/cluster/admin.h"
#include "operator/cli/commands/command.h"
#include "operator/cli/commands/log/events.h"

namespace storagepool::cli {

inline constexpr int kOk = 200;
inline constexpr int kNotFound = 404;
inline constexpr int kConflict = 409;
inline constexpr std::int64_t kMostAtOnce = 1000;  // events of a page, as the API allows

struct Given {
  std::string name;
  std::string service_account = "default";
  std::string token_file;
  std::string ca_file;
  std::string server_name;
  bool proofs = false;
  std::string from;  // cursor of the feed; empty: the last events, and then what comes
  EventQuery query{};
};

// The token is made anew when it has expired. What it is opened with must outlive it.
class Api {
 public:
  static Result<Api> open(const Context& context, const Given& given);

  // Whatever its status. The token is put in.
  Result<PodAnswer> send(PodRequest request);
  Result<PodAnswer> get(const std::string& path) { return send({.path = path}); }
  // The body of an answer of 200.
  Result<std::string> read(const std::string& path);
  // The proof of an event; empty: it has none, and `why` says so. What is not in the log yet is waited for.
  Result<std::string> proof(const std::string& workspace, const std::string& event_id, std::string& why);
  // Of a list.
  Result<Json> page(const std::vector<std::pair<std::string, std::string>>& more);

 private:
  Api(const Context& context, const Given& given, std::string name_space)
      : context_(&context), given_(&given), name_space_(std::move(name_space)) {}
  std::optional<Failure> renew_token();

  const Context* context_;
  const Given* given_;
  std::string name_space_;
  std::string token_;
  std::unique_ptr<Port> port_;
};

// The flags that say whose token is sent, and whom to trust.
void add_access(CLI::App& command, const std::shared_ptr<Given>& given);

// `events follow`: prints events as they come until it is stopped.
int follow(Context& context, const Given& given);

}  // namespace storagepool::cli
