#include "lib/rpc/page_token.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"
#include "lib/base/check.h"
#include "lib/base/digest.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {
namespace {

using google::protobuf::Message;

constexpr char kVersion = 1;
constexpr std::size_t kHashBytes = 16;
constexpr std::size_t kMaxTokenBytes = 8192;

// All fields but the two that differ from page to page.
std::string RequestBytes(const Message& request) {
  const std::unique_ptr<Message> rest(request.New());
  rest->CopyFrom(request);
  for (const char* name : {"page_token", "page_size"}) {
    const auto* field = rest->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) rest->GetReflection()->ClearField(rest.get(), field);
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream output(&bytes);
    google::protobuf::io::CodedOutputStream coded(&output);
    coded.SetSerializationDeterministic(true);
    rest->SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string Hash(const Message& request, std::string_view position, std::string_view caller) {
  base::Sha256 hash;
  const std::string type = request.GetTypeName();
  const std::string bytes = RequestBytes(request);
  for (const std::string_view part :
       {std::string_view(type), caller, std::string_view(bytes), position}) {
    hash.Update(base::Concat(part.size(), ":"));
    hash.Update(part);
  }
  return std::string(hash.Finish().bytes().substr(0, kHashBytes));
}

std::string TokenOf(const Message& request) {
  const auto* field = request.GetDescriptor()->FindFieldByName("page_token");
  PROOFLINE_CHECK(field != nullptr, "a list request has a page_token");
  return request.GetReflection()->GetString(request, field);
}

}  // namespace

std::string MakePageToken(const Message& request, std::string_view position,
                          std::string_view caller) {
  PROOFLINE_CHECK(!position.empty(), "an empty position is the first page");
  return absl::WebSafeBase64Escape(
      base::Concat(std::string_view(&kVersion, 1), Hash(request, position, caller), position));
}

absl::StatusOr<std::string> ReadPageToken(const Message& request, std::string_view caller) {
  const std::string token = TokenOf(request);
  if (token.empty()) return std::string();
  std::string bytes;
  const bool readable = token.size() <= kMaxTokenBytes &&
                        absl::WebSafeBase64Unescape(token, &bytes) &&
                        bytes.size() > 1 + kHashBytes && bytes[0] == kVersion;
  const std::string_view position =
      readable ? std::string_view(bytes).substr(1 + kHashBytes) : std::string_view();
  if (!readable ||
      std::string_view(bytes).substr(1, kHashBytes) != Hash(request, position, caller)) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "the page token does not belong to this request; repeat the request that gave it "
                 "unchanged, or begin with the first page",
                 "PAGE_TOKEN_INVALID");
  }
  return std::string(position);
}

absl::StatusOr<int> PageSize(int asked, int otherwise, int max) {
  if (asked < 0) {
    return Error(absl::StatusCode::kInvalidArgument,
                 base::Concat("a page cannot have ", asked, " results; ask for 1 to ", max,
                              ", or 0 for ", otherwise),
                 "PAGE_SIZE_INVALID", {{"page_size", base::Concat(asked)}});
  }
  return asked == 0 ? otherwise : std::min(asked, max);
}

}  // namespace proofline::rpc
