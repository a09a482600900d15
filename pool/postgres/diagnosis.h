// Why a connect failed, private to this folder: reads what libpq says for its cause and forgets it, for it
// may hold what nobody else should read.
#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include "pool/postgres/connection.h"
#include "pool/postgres/error.h"

namespace storagepool::postgres {

// PostgreSQL's untranslatable_character, here of a whole database whose encoding is not UTF8.
inline constexpr std::string_view kUntranslatable = "22P05";

// PostgreSQL's feature_not_supported, here of a pooler that shares sessions (pooler.h).
inline constexpr std::string_view kNotSupported = "0A000";

// "host:port/database".
std::string target_of(const ConnectOptions& options);

Error connect_failure(const ConnectOptions& options, ErrorClass error_class, std::string_view reason,
                      const std::string& sqlstate = "", bool database_only = false);

// `text` is libpq's with PQERRORS_VERBOSE, `phase` where the connect was.
Error diagnose(const ConnectOptions& options, std::string_view text, ConnStatusType phase);

// Of an error that the server answered a new session's first statements with.
Error diagnose_setup(const ConnectOptions& options, const Error& error);

// Whether another address of the same name is worth a try: it may lead to another server. One that refuses
// the credentials, most likely the same one by its other address, is not asked to refuse them twice.
bool another_address_may_do(const Error& error);

}  // namespace storagepool::postgres
