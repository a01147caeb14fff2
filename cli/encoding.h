// Tables in the encodings that spreadsheets write.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::cli {

// `bytes` in UTF-8. `encoding` is a name as iconv has it ("windows-1252"); empty: UTF-16 where the
// bytes begin with its mark, otherwise UTF-8. UsageError, about `name`, for an encoding that nobody
// knows and for bytes that are not in it.
absl::StatusOr<std::string> ToUtf8(std::string bytes, const std::string& encoding,
                                   std::string_view name);

}  // namespace proofline::cli
