// Page tokens: where a list goes on, of use only to the request that it belongs to.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::rpc {

// An opaque, URL-safe token. It is bound to all fields of the List request but `page_token` and
// `page_size`, and to `caller` (who asks; empty if that does not matter). `position` is whatever
// the service needs to go on, e.g. the last key; it must not be empty.
std::string MakePageToken(const google::protobuf::Message& request, std::string_view position,
                          std::string_view caller = {});

// The position in the request's `page_token`, empty for the first page. InvalidArgument with reason
// PAGE_TOKEN_INVALID for a token that is damaged or belongs to another request or caller. Tokens
// are not secret and can be made up: use the position only inside what the caller may see.
absl::StatusOr<std::string> ReadPageToken(const google::protobuf::Message& request,
                                          std::string_view caller = {});

// How many results a page has: `asked` if it is within 1..max, `otherwise` for 0, max for more.
// InvalidArgument with reason PAGE_SIZE_INVALID for a negative one.
absl::StatusOr<int> PageSize(int asked, int otherwise, int max);

}  // namespace proofline::rpc
