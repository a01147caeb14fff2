// Signing in and looking; storefront_orders.cpp has the orders.
#include "hostd/storefront_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "hostd/customer_view.h"
#include "hostd/not_served.h"
#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"
#include "lib/rpc/stream.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kMaxPage = 1'000;
constexpr int kMaxStreamed = 1'000;
// A rendition is replaced between two reads at most this often before the call gives up.
constexpr int kReadTries = 5;
// A page asks again whether its session lives, and what is shared, before every so many photos.
constexpr int kCheckedTogether = 16;
// Renditions that wait for one reader. What is not taken stays in the store.
constexpr rpc::StreamLimits kPageLimits{.max_messages = 64, .max_bytes = std::size_t{1} << 20};

bool IsKind(pb::RenditionKind kind) {
  return kind == pb::RENDITION_KIND_THUMBNAIL || kind == pb::RENDITION_KIND_PROOF;
}

absl::Status BadKind() {
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    "say which rendition: the thumbnail or the proof", "KIND_INVALID");
}

// Record and content of one visible rendition, or nothing. Without content when the digest is
// `known`.
absl::StatusOr<std::optional<pb::GetRenditionResponse>> ReadVisible(const Store& store,
                                                                    const CustomerCaller& caller,
                                                                    const std::string& name,
                                                                    pb::RenditionKind kind,
                                                                    std::string_view known) {
  for (int i = 0; i < kReadTries; ++i) {
    const auto photo = CustomerView(store, caller).FindPhoto(name);
    if (!photo.ok()) return photo.status();
    if (!photo->has_value()) break;
    const auto& renditions = (*photo)->renditions();
    const auto described =
        std::find_if(renditions.begin(), renditions.end(),
                     [&](const pb::Rendition& one) { return one.kind() == kind; });
    if (described == renditions.end()) break;
    pb::GetRenditionResponse response;
    *response.mutable_rendition() = *described;
    if (!known.empty() && known == described->digest()) {
      return std::optional<pb::GetRenditionResponse>(std::move(response));
    }
    auto file = store.ReadRendition(caller.studio, LastPart(name), kind);
    if (!file.ok()) return file.status();
    // Replaced between the two reads: read both again.
    if (!file->has_value() || (*file)->digest.bytes() != described->digest()) continue;
    response.set_content(std::move((*file)->content));
    return std::optional<pb::GetRenditionResponse>(std::move(response));
  }
  return std::optional<pb::GetRenditionResponse>();
}

// A page of renditions on its way. Only one thread at a time sends: the first task, or the one that
// on_room starts after the stream was full.
class RenditionPage {
 public:
  using Stream = rpc::ServerStreamWriter<pb::StreamRenditionsResponse>;

  RenditionPage(const Store& store, const Access& access, HostMetrics& metrics,
                pb::StreamRenditionsRequest request)
      : store_(store), access_(access), metrics_(metrics), request_(std::move(request)) {}

  void SetToken(std::string token) { token_ = std::move(token); }

  void Send(Stream& stream) {
    // The reader may have taken its time: the share may be another one by now.
    int until_check = 0;
    while (has_pending_ || next_ < request_.photos_size()) {
      if (until_check-- == 0) {
        if (absl::Status status = Check(); !status.ok()) {
          stream.Finish(status);
          return;
        }
        until_check = kCheckedTogether - 1;
      }
      if (!has_pending_) {
        if (absl::Status status = Read(request_.photos(next_)); !status.ok()) {
          stream.Finish(status);
          return;
        }
        ++next_;
        has_pending_ = true;
      }
      const std::size_t bytes = pending_.content().size();
      switch (stream.TrySend(std::move(pending_))) {
        case rpc::SendResult::kFull:
          return;  // the next thread may be here already
        case rpc::SendResult::kOver:
          return;
        case rpc::SendResult::kTaken:
          break;
      }
      has_pending_ = false;
      metrics_.renditions_read.Increment();
      metrics_.rendition_bytes_read.Increment(static_cast<double>(bytes));
    }
    stream.Finish(absl::OkStatus());
  }

 private:
  // What was read and has waited for room is read again: it may no longer be shared.
  absl::Status Check() {
    absl::StatusOr<CustomerCaller> caller = access_.CheckSession(token_);
    if (!caller.ok()) return caller.status();
    caller_ = *std::move(caller);
    if (!has_pending_) return absl::OkStatus();
    return Read(request_.photos(next_ - 1));
  }

  absl::Status Read(const std::string& photo) {
    pending_ = pb::StreamRenditionsResponse();
    pending_.set_photo(photo);
    auto found = ReadVisible(store_, caller_, photo, request_.kind(), {});
    if (!found.ok()) return found.status();
    if (found->has_value()) {
      *pending_.mutable_rendition() = std::move(*(*found)->mutable_rendition());
      pending_.set_content(std::move(*(*found)->mutable_content()));
    }
    return absl::OkStatus();
  }

  const Store& store_;
  const Access& access_;
  HostMetrics& metrics_;
  const pb::StreamRenditionsRequest request_;
  std::string token_;
  CustomerCaller caller_;
  int next_ = 0;
  bool has_pending_ = false;
  pb::StreamRenditionsResponse pending_;
};

}  // namespace

absl::Status NotThere(std::string_view what, std::string_view name) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no ", what, " ", name, " for this customer"),
                    base::Concat(absl::AsciiStrToUpper(base::ToAbsl(what)), "_NOT_FOUND"),
                    {{std::string(what), std::string(name)}});
}

std::string NameOf(const CustomerCaller& caller) {
  return rpc::MakeResourceName("studios/*/customers/*", {caller.studio, caller.customer});
}

absl::Status CheckParent(const CustomerCaller& caller, const std::string& parent) {
  if (parent.empty() || parent == rpc::MakeResourceName("studios/*", {caller.studio})) {
    return absl::OkStatus();
  }
  return NotThere("studio", parent);
}

StorefrontService::Unary* StorefrontService::SignIn(Context* context,
                                                    const pb::SignInRequest* request,
                                                    pb::SignInResponse* response) {
  return rpc::AnswerOn(
      parts_.executor, context, response,
      [this, request, address = AddressOfPeer(context->peer())]() -> Answer<pb::SignInResponse> {
        absl::StatusOr<NewSession> session = parts_.access.SignIn(request->identifier(), address);
        if (!session.ok()) {
          parts_.metrics.sign_in_failures.Increment();
          spdlog::info("a sign-in from {} was refused", address);
          return session.status();
        }
        parts_.metrics.sign_ins.Increment();
        spdlog::info("{} signed in", session->customer.name());
        pb::SignInResponse answer;
        answer.set_session_token(session->token);
        *answer.mutable_expire_time() = session->expire_time;
        *answer.mutable_customer() = std::move(session->customer);
        return answer;
      });
}

StorefrontService::Unary* StorefrontService::SignOut(Context* context, const pb::SignOutRequest*,
                                                     pb::SignOutResponse* response) {
  return ForCustomer(context, response,
                     [this](const CustomerCaller& caller) -> Answer<pb::SignOutResponse> {
                       absl::Status ended = parts_.access.SignOut(caller);
                       if (!ended.ok()) return ended;
                       return pb::SignOutResponse();
                     });
}

StorefrontService::Unary* StorefrontService::ListGalleries(Context* context,
                                                           const pb::ListGalleriesRequest* request,
                                                           pb::ListGalleriesResponse* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return GalleriesPage(caller, *request);
  });
}

absl::StatusOr<pb::ListGalleriesResponse> StorefrontService::GalleriesPage(
    const CustomerCaller& caller, const pb::ListGalleriesRequest& request) const {
  if (absl::Status parent = CheckParent(caller, request.parent()); !parent.ok()) return parent;
  const auto size = rpc::PageSize(request.page_size(), 50, kMaxPage);
  if (!size.ok()) return size.status();
  const auto after = rpc::ReadPageToken(request, NameOf(caller));
  if (!after.ok()) return after.status();
  const CustomerView view(parts_.store, caller);
  const auto ids = view.Galleries();
  if (!ids.ok()) return ids.status();
  pb::ListGalleriesResponse response;
  for (auto at = std::upper_bound(ids->begin(), ids->end(), *after); at != ids->end(); ++at) {
    if (response.galleries_size() == *size) {
      response.set_next_page_token(rpc::MakePageToken(
          request, LastPart(response.galleries(*size - 1).name()), NameOf(caller)));
      break;
    }
    auto gallery = view.FindGallery(*at);
    if (!gallery.ok()) return gallery.status();
    if (gallery->has_value()) *response.add_galleries() = std::move(**gallery);
  }
  return response;
}

StorefrontService::Unary* StorefrontService::GetGallery(Context* context,
                                                        const pb::GetGalleryRequest* request,
                                                        pb::Gallery* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return OneGallery(caller, request->name());
  });
}

absl::StatusOr<pb::Gallery> StorefrontService::OneGallery(const CustomerCaller& caller,
                                                          const std::string& name) const {
  const auto ids = rpc::ParseResourceName("studios/*/galleries/*", name);
  if (!ids.has_value() || ids->at(0) != caller.studio) return NotThere("gallery", name);
  auto gallery = CustomerView(parts_.store, caller).FindGallery(ids->at(1));
  if (!gallery.ok()) return gallery.status();
  if (!gallery->has_value()) return NotThere("gallery", name);
  return std::move(**gallery);
}

StorefrontService::Unary* StorefrontService::ListPhotos(Context* context,
                                                        const pb::ListPhotosRequest* request,
                                                        pb::ListPhotosResponse* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return PhotosPage(caller, *request);
  });
}

absl::StatusOr<pb::ListPhotosResponse> StorefrontService::PhotosPage(
    const CustomerCaller& caller, const pb::ListPhotosRequest& request) const {
  const absl::StatusOr<pb::Gallery> gallery = OneGallery(caller, request.parent());
  if (!gallery.ok()) return gallery.status();
  const auto size = rpc::PageSize(request.page_size(), 100, kMaxPage);
  if (!size.ok()) return size.status();
  const auto after = rpc::ReadPageToken(request, NameOf(caller));
  if (!after.ok()) return after.status();
  for (const pb::MetadataMatch& match : request.filter()) {
    if (IsMatch(match) && match.gallery().empty()) continue;
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "a filter names subject, event, keywords, customer_reference or fields.KEY "
                      "and a value",
                      "FILTER_INVALID", {{"field", match.field()}});
  }
  auto page = CustomerView(parts_.store, caller)
                  .ListPhotos(LastPart(gallery->name()), request.filter(), *after, *size);
  if (!page.ok()) return page.status();
  pb::ListPhotosResponse response;
  for (pb::Photo& photo : page->items) {
    photo.clear_said_times();
    *response.add_photos() = std::move(photo);
  }
  if (!page->next.empty()) {
    response.set_next_page_token(rpc::MakePageToken(request, page->next, NameOf(caller)));
  }
  return response;
}

StorefrontService::Unary* StorefrontService::GetPhoto(Context* context,
                                                      const pb::GetPhotoRequest* request,
                                                      pb::Photo* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return OnePhoto(caller, request->name());
  });
}

absl::StatusOr<pb::Photo> StorefrontService::OnePhoto(const CustomerCaller& caller,
                                                      const std::string& name) const {
  auto photo = CustomerView(parts_.store, caller).FindPhoto(name);
  if (!photo.ok()) return photo.status();
  if (!photo->has_value()) return NotThere("photo", name);
  return std::move(**photo);
}

StorefrontService::Unary* StorefrontService::GetRendition(Context* context,
                                                          const pb::GetRenditionRequest* request,
                                                          pb::GetRenditionResponse* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return OneRendition(caller, *request);
  });
}

absl::StatusOr<pb::GetRenditionResponse> StorefrontService::OneRendition(
    const CustomerCaller& caller, const pb::GetRenditionRequest& request) const {
  if (!IsKind(request.kind())) return BadKind();
  auto found =
      ReadVisible(parts_.store, caller, request.photo(), request.kind(), request.known_digest());
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NotThere("photo", request.photo());
  parts_.metrics.renditions_read.Increment();
  parts_.metrics.rendition_bytes_read.Increment(static_cast<double>((*found)->content().size()));
  return std::move(**found);
}

grpc::ServerWriteReactor<pb::StreamRenditionsResponse>* StorefrontService::StreamRenditions(
    Context* context, const pb::StreamRenditionsRequest* request) {
  const absl::StatusOr<std::string> token = rpc::BearerToken(*context);
  auto page =
      std::make_shared<RenditionPage>(parts_.store, parts_.access, parts_.metrics, *request);
  using Stream = RenditionPage::Stream;
  const auto send = [this, page](Stream& stream) {
    const absl::Status taken =
        parts_.executor.Run([page, at = stream.shared_from_this()] { page->Send(*at); });
    if (!taken.ok()) stream.Finish(taken);
  };
  auto stream = Stream::Create({.on_room = send, .on_done = {}}, kPageLimits, context);
  absl::Status status = token.status();
  if (status.ok() && !IsKind(request->kind())) status = BadKind();
  if (status.ok() && (request->photos().empty() || request->photos_size() > kMaxStreamed)) {
    status = rpc::Error(absl::StatusCode::kInvalidArgument,
                        base::Concat("ask for 1 to ", kMaxStreamed, " photos at a time, not ",
                                     request->photos_size()),
                        "PHOTO_COUNT_INVALID");
  }
  if (status.ok()) {
    status = parts_.executor.Run([this, page, stream, token = *token] {
      absl::StatusOr<CustomerCaller> caller = parts_.access.CheckSession(token);
      if (!caller.ok()) {
        stream->Finish(caller.status());
        return;
      }
      parts_.streams.Add(NameOf(*caller), stream, caller->session_key);
      page->SetToken(token);
      page->Send(*stream);
    });
  }
  if (!status.ok()) stream->Finish(status);
  return stream->reactor();
}

StorefrontService::Unary* StorefrontService::SetFavorite(Context* context,
                                                         const pb::SetFavoriteRequest*,
                                                         pb::SetFavoriteResponse*) {
  return rpc::Refuse(context, NotServed("SetFavorite"));
}

StorefrontService::Unary* StorefrontService::ListFavorites(Context* context,
                                                           const pb::ListFavoritesRequest*,
                                                           pb::ListFavoritesResponse*) {
  return rpc::Refuse(context, NotServed("ListFavorites"));
}

StorefrontService::Unary* StorefrontService::CreateComment(Context* context,
                                                           const pb::CreateCommentRequest*,
                                                           pb::Comment*) {
  return rpc::Refuse(context, NotServed("CreateComment"));
}

StorefrontService::Unary* StorefrontService::ListComments(Context* context,
                                                          const pb::ListCommentsRequest*,
                                                          pb::ListCommentsResponse*) {
  return rpc::Refuse(context, NotServed("ListComments"));
}

}  // namespace proofline::host
