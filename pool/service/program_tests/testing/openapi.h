// An OpenAPI description as a test needs it: every operation with a request made from the description's own
// examples, and what each of its answers must look like.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace storagepool::service::testing {

struct Operation {
  struct Answer {
    std::string content_type;           // empty: no body
    std::vector<std::string> required;  // members of the body
  };
  std::string id;
  std::string method;
  std::string path;                            // the template
  std::uint16_t port = 8080;                   // of its server
  std::map<std::string, std::string> in_path;  // parameter to example
  std::map<std::string, std::string> in_query;
  std::map<std::string, std::string> in_header;
  std::string body;                    // JSON; empty when it takes none
  std::map<unsigned, Answer> answers;  // by status

  // The path with these parameters, else with the examples.
  std::string target(const std::map<std::string, std::string>& parameters = {}) const;
  std::string query() const;        // of the examples, with its "?"; or empty
  std::string body_of_now() const;  // the example's, with events of this moment; or empty
};

// Throws std::runtime_error for a document that is not one.
std::vector<Operation> read_openapi(const std::string& document);

// The operation of a request; null when none is described.
const Operation* find_operation(const std::vector<Operation>& operations, const std::string& method,
                                const std::string& path);

}  // namespace storagepool::service::testing
