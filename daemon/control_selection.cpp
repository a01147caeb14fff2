// What the control service does about the selection: process, select, explain, contact sheets.
#include <algorithm>
#include <tuple>
#include <utility>

#include "daemon/control_service.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// A contact sheet is looked at on a screen: about 1,900 pixels wide and two and a half screens
// high.
constexpr int kSheetPhotos = 96;
constexpr int kSheetColumns = 8;
constexpr int kSheetCellPx = 240;

pb::RenditionKind KindOf(std::string_view kind) {
  return kind == "thumbnail" ? pb::RENDITION_KIND_THUMBNAIL : pb::RENDITION_KIND_PROOF;
}

absl::StatusOr<record::SelectionChoice> ChoiceOf(pb::SelectPhotosRequest::Choice choice) {
  switch (choice) {
    case pb::SelectPhotosRequest::CHOICE_UNSPECIFIED:
      return record::SELECTION_CHOICE_RULES;
    case pb::SelectPhotosRequest::CHOICE_IN:
      return record::SELECTION_CHOICE_IN;
    case pb::SelectPhotosRequest::CHOICE_OUT:
      return record::SELECTION_CHOICE_OUT;
    default:
      return rpc::Error(absl::StatusCode::kInvalidArgument,
                        "photos are chosen in or out, or given back to the rules", "FIELD_INVALID",
                        {{"field", "choice"}});
  }
}

bool HasThumbnail(const record::Photo& photo) {
  return std::any_of(
      photo.renditions().begin(), photo.renditions().end(),
      [](const pb::Rendition& made) { return made.kind() == pb::RENDITION_KIND_THUMBNAIL; });
}

// A photo that has a thumbnail.
struct SheetEntry {
  bool undated = false;
  std::int64_t seconds = 0;
  int nanos = 0;
  std::string id;
  std::string name;

  bool operator<(const SheetEntry& other) const {
    return std::tie(undated, seconds, nanos, id) <
           std::tie(other.undated, other.seconds, other.nanos, other.id);
  }
};

// Those of a gallery as customers see them: by capture time, those without one at the end.
absl::StatusOr<std::vector<SheetEntry>> SheetEntries(const Catalog& catalog,
                                                     const std::string& gallery) {
  std::vector<SheetEntry> entries;
  std::string after;
  while (true) {
    const absl::StatusOr<std::vector<record::Photo>> photos =
        catalog.ListPhotos(gallery, pb::LOCAL_PHOTO_STATE_UNSPECIFIED, after, /*max=*/1'000);
    if (!photos.ok()) return photos.status();
    if (photos->empty()) break;
    after = photos->back().id();
    for (const record::Photo& photo : *photos) {
      if (!HasThumbnail(photo)) continue;
      const google::protobuf::Timestamp& taken = photo.from_file().capture_time();
      entries.push_back({!photo.from_file().has_capture_time(), taken.seconds(), taken.nanos(),
                         photo.id(), PhotoMessage(catalog.device(), photo).file_name()});
    }
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

absl::Status NothingToShow(const std::string& gallery, std::string_view why) {
  return rpc::Error(absl::StatusCode::kFailedPrecondition, why, "NOTHING_TO_SHOW",
                    {{"gallery", Readable(gallery, 300)}});
}

}  // namespace

absl::StatusOr<pb::ProcessGalleryResponse> ControlService::Process(
    const pb::ProcessGalleryRequest& request) {
  const absl::StatusOr<std::string> gallery = FindGallery(request.name());
  if (!gallery.ok()) return gallery.status();
  const absl::StatusOr<std::int64_t> photos = parts_.catalog.ProcessGallery(*gallery);
  if (!photos.ok()) return photos.status();
  pb::ProcessGalleryResponse response;
  response.set_photos(*photos);
  return response;
}

absl::StatusOr<pb::SelectPhotosResponse> ControlService::SelectByHand(
    const pb::SelectPhotosRequest& request) {
  if (request.names().empty()) {
    return rpc::Error(absl::StatusCode::kInvalidArgument, "name the photos to choose",
                      "FIELD_REQUIRED", {{"field", "names"}});
  }
  std::vector<std::string> ids;
  for (const std::string& name : request.names()) {
    const absl::StatusOr<record::Photo> photo = FindPhoto(name);
    if (!photo.ok()) return photo.status();
    ids.push_back(photo->id());
  }
  const absl::StatusOr<record::SelectionChoice> choice = ChoiceOf(request.choice());
  if (!choice.ok()) return choice.status();
  const absl::StatusOr<std::int64_t> changed = parts_.catalog.SelectPhotos(ids, *choice);
  if (!changed.ok()) return changed.status();
  pb::SelectPhotosResponse response;
  response.set_changed(*changed);
  return response;
}

absl::StatusOr<pb::ExplainSelectionResponse> ControlService::Explain(
    const pb::ExplainSelectionRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 100, 1000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  std::string gallery;
  if (!request.gallery().empty()) {
    absl::StatusOr<std::string> id = FindGallery(request.gallery());
    if (!id.ok()) return id.status();
    gallery = *std::move(id);
  }
  const absl::StatusOr<std::vector<record::Photo>> photos =
      parts_.catalog.ListPhotos(gallery, pb::LOCAL_PHOTO_STATE_UNSPECIFIED, *after, *size);
  if (!photos.ok()) return photos.status();
  pb::ExplainSelectionResponse response;
  for (const record::Photo& photo : *photos) {
    const Selection selection = parts_.catalog.Explain(photo);
    pb::SelectionDecision& decision = *response.add_decisions();
    decision.set_photo(PhotoName(parts_.catalog.device(), photo));
    decision.set_rule(selection.rule);
    for (const imaging::RenditionSpec& spec : selection.renditions) {
      decision.add_renditions(KindOf(spec.kind));
    }
    decision.set_sent(selection.sent);
    const record::Place* place = MainPlace(photo);
    if (place != nullptr) decision.set_file_name(Readable(NameOf(place->path())));
    // What cannot be read is never looked into: no rule is going to ask it again.
    const bool unread = selection.needs_inspection && photo.state() == pb::LOCAL_PHOTO_STATE_FAILED;
    if (unread) decision.set_rule(0);
    decision.set_message(Readable(
        unread ? base::Concat("has failed before a rule could decide: ", photo.state_message())
               : selection.reason,
        2'000));
  }
  if (static_cast<int>(photos->size()) == *size) {
    response.set_next_page_token(rpc::MakePageToken(request, photos->back().id()));
  }
  return response;
}

absl::StatusOr<pb::GetGalleryContactSheetResponse> ControlService::ContactSheet(
    const pb::GetGalleryContactSheetRequest& request) const {
  const absl::StatusOr<std::string> gallery = FindGallery(request.name());
  if (!gallery.ok()) return gallery.status();
  if (request.page() < 0) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "the pages of a contact sheet count from 1", "FIELD_INVALID",
                      {{"field", "page"}});
  }
  if (parts_.pool == nullptr) return NothingToShow(request.name(), "no image workers run");
  const absl::StatusOr<std::vector<SheetEntry>> entries = SheetEntries(parts_.catalog, *gallery);
  if (!entries.ok()) return entries.status();
  const auto seen = static_cast<std::int64_t>(entries->size());
  const int page = std::max(1, request.page());
  std::vector<std::string> thumbnails;
  std::vector<std::string> names;
  for (std::int64_t i = std::int64_t{page - 1} * kSheetPhotos;
       i < std::min(seen, std::int64_t{page} * kSheetPhotos); ++i) {
    const SheetEntry& entry = (*entries)[static_cast<std::size_t>(i)];
    absl::StatusOr<std::string> jpeg = parts_.catalog.GetThumbnail(entry.id);
    if (!jpeg.ok()) continue;
    thumbnails.push_back(*std::move(jpeg));
    names.push_back(entry.name);
  }
  pb::GetGalleryContactSheetResponse response;
  response.set_pages(static_cast<int>((seen + kSheetPhotos - 1) / kSheetPhotos));
  if (seen == 0)
    return NothingToShow(request.name(), "no photo of the gallery has a thumbnail yet");
  if (thumbnails.empty()) {
    return NothingToShow(request.name(),
                         base::Concat("the contact sheet has only ", response.pages(),
                                      response.pages() == 1 ? " page" : " pages"));
  }
  const int columns = std::min(kSheetColumns, static_cast<int>(thumbnails.size()));
  absl::StatusOr<std::string> sheet =
      parts_.pool->ContactSheet(thumbnails, columns, kSheetCellPx, names, stopping_.get_token());
  if (!sheet.ok()) return sheet.status();
  response.set_content(*std::move(sheet));
  return response;
}

grpc::ServerUnaryReactor* ControlService::ProcessGallery(grpc::CallbackServerContext* context,
                                                         const pb::ProcessGalleryRequest* request,
                                                         pb::ProcessGalleryResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this, request] { return Process(*request); });
}

grpc::ServerUnaryReactor* ControlService::SelectPhotos(grpc::CallbackServerContext* context,
                                                       const pb::SelectPhotosRequest* request,
                                                       pb::SelectPhotosResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return SelectByHand(*request); });
}

grpc::ServerUnaryReactor* ControlService::ExplainSelection(
    grpc::CallbackServerContext* context, const pb::ExplainSelectionRequest* request,
    pb::ExplainSelectionResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this, request] { return Explain(*request); });
}

grpc::ServerUnaryReactor* ControlService::GetGalleryContactSheet(
    grpc::CallbackServerContext* context, const pb::GetGalleryContactSheetRequest* request,
    pb::GetGalleryContactSheetResponse* response) {
  return rpc::AnswerOn(sheet_executor_, context, response,
                       [this, request] { return ContactSheet(*request); });
}

}  // namespace proofline::studio
