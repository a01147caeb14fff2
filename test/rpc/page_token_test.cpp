#include "lib/rpc/page_token.h"

#include <string>

#include "lib/rpc/status.h"
#include "proofline/v1/storefront_service.pb.h"
#include "test/catch.h"

namespace proofline::rpc {

using Request = proofline::v1::ListPhotosRequest;

namespace {

Request For(const std::string& parent) {
  Request request;
  request.set_parent(parent);
  return request;
}

}  // namespace

TEST_CASE("a page token brings back its position, also for another page size") {
  Request request = For("studios/s/galleries/g");
  CHECK(ReadPageToken(request).value() == "");
  const std::string position("key\0with\xff everything", 20);
  request.set_page_token(MakePageToken(request, position));
  CHECK(ReadPageToken(request).value() == position);
  request.set_page_size(7);
  CHECK(ReadPageToken(request).value() == position);
  CHECK(request.page_token().find_first_not_of(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
        std::string::npos);
}

TEST_CASE("a page token of another request, caller or list is refused") {
  const std::string token = MakePageToken(For("studios/s/galleries/g"), "7", "anna");
  Request other = For("studios/s/galleries/h");
  other.set_page_token(token);
  CHECK(ReasonOf(ReadPageToken(other, "anna").status()) == "PAGE_TOKEN_INVALID");
  Request same = For("studios/s/galleries/g");
  same.set_page_token(token);
  CHECK(ReadPageToken(same, "anna").ok());
  CHECK(absl::IsInvalidArgument(ReadPageToken(same, "berta").status()));
  CHECK(absl::IsInvalidArgument(ReadPageToken(same).status()));
  proofline::v1::ListGalleriesRequest list;
  list.set_page_token(token);
  CHECK(absl::IsInvalidArgument(ReadPageToken(list, "anna").status()));
}

TEST_CASE("a damaged page token is refused at every byte") {
  Request request = For("studios/s/galleries/g");
  const std::string token = MakePageToken(request, "position");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    request.set_page_token(damaged);
    const auto read = ReadPageToken(request);
    // Of the last character some bits may not count.
    if (read.ok()) CHECK((i + 1 == token.size() && *read == "position"));
    request.set_page_token(token.substr(0, i));
    if (i > 0) CHECK_FALSE(ReadPageToken(request).ok());
  }
  request.set_page_token("not a token!");
  CHECK_FALSE(ReadPageToken(request).ok());
  request.set_page_token(std::string(100'000, 'A'));
  CHECK_FALSE(ReadPageToken(request).ok());
}

TEST_CASE("page sizes have a default and a limit") {
  CHECK(PageSize(0, 50, 200).value() == 50);
  CHECK(PageSize(20, 50, 200).value() == 20);
  CHECK(PageSize(2000, 50, 200).value() == 200);
  CHECK(ReasonOf(PageSize(-1, 50, 200).status()) == "PAGE_SIZE_INVALID");
}

}  // namespace proofline::rpc
