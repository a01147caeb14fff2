// Reading what an administrator asks for: names, masks, pages. Pure.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

// The ids in a name, or InvalidArgument that says what such a name looks like.
inline absl::StatusOr<std::vector<std::string>> ReadName(std::string_view pattern,
                                                         const std::string& name) {
  auto ids = rpc::ParseResourceName(pattern, name);
  if (ids.has_value()) return *std::move(ids);
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    base::Concat("'", name, "' is not a name of the form ", pattern),
                    "NAME_INVALID", {{"name", name}});
}

inline absl::Status CheckId(std::string_view what, const std::string& id) {
  if (base::IsValidId(id)) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    base::Concat("the id of a ", what,
                                 " has 1 to 63 of a-z, 0-9 and hyphen, with a letter or digit at "
                                 "both ends; '",
                                 id, "' has not"),
                    "ID_INVALID", {{std::string(what), id}});
}

inline absl::Status CheckDisplayName(const std::string& name) {
  if (name.size() <= 1'000) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    "a display name has at most 1,000 bytes; shorten it", "NAME_TOO_LONG");
}

// The fields to change: those of the mask, or all that there are if it is empty.
inline absl::StatusOr<std::set<std::string>> ReadMask(const google::protobuf::FieldMask& mask,
                                                      const std::set<std::string>& known) {
  if (mask.paths().empty()) return known;
  std::set<std::string> paths;
  for (const std::string& path : mask.paths()) {
    if (!known.contains(path)) {
      std::string all;
      for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
      return rpc::Error(absl::StatusCode::kInvalidArgument,
                        base::Concat("'", path, "' cannot be changed; what can is ", all),
                        "MASK_INVALID", {{"path", path}});
    }
    paths.insert(path);
  }
  return paths;
}

// Which part of a list is asked for.
struct ListRange {
  std::string after;
  int limit = 0;
};

template <typename Request>
absl::StatusOr<ListRange> ReadRange(const Request& request, int otherwise) {
  const absl::StatusOr<int> limit = rpc::PageSize(request.page_size(), otherwise, 1'000);
  if (!limit.ok()) return limit.status();
  absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  return ListRange{*std::move(after), *limit};
}

template <typename Request>
std::string NextToken(const Request& request, const std::string& next) {
  return next.empty() ? "" : rpc::MakePageToken(request, next);
}

}  // namespace proofline::host
