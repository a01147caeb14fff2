// The control service's calls that set metadata of many photos: batches and rosters.
#include <algorithm>
#include <set>
#include <utility>

#include "daemon/control_service.h"
#include "daemon/roster.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::string_view kGalleryPattern = "studios/*/galleries/*";
constexpr std::string_view kKeywords = "metadata.keywords";

absl::Status Invalid(std::string_view sentence, std::string_view field) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, "FIELD_INVALID",
                    {{"field", std::string(field)}});
}

// What a batch makes of a photo.
absl::Status ApplyBatch(const pb::BatchUpdateLocalPhotosRequest& request, record::Photo& photo) {
  const bool keywords = !request.add_keywords().empty() || !request.remove_keywords().empty();
  if (!request.update_mask().paths().empty() || !keywords) {
    const absl::Status status = ApplyUpdate(request.values(), request.update_mask().paths(), photo);
    if (!status.ok()) return status;
  }
  if (!keywords) return absl::OkStatus();
  pb::Photo values;
  auto& now = *values.mutable_metadata()->mutable_keywords();
  const pb::Metadata merged = MergedMetadata(photo);
  const auto& removed = request.remove_keywords();
  for (const auto* list : {&merged.keywords(), &request.add_keywords()}) {
    for (const std::string& keyword : *list) {
      const bool is_added = list == &request.add_keywords();
      const bool goes =
          !is_added && std::find(removed.begin(), removed.end(), keyword) != removed.end();
      if (goes || std::find(now.begin(), now.end(), keyword) != now.end()) continue;
      *now.Add() = keyword;
    }
  }
  // Keywords that the file has are not entered for nothing.
  if (std::equal(now.begin(), now.end(), merged.keywords().begin(), merged.keywords().end())) {
    return absl::OkStatus();
  }
  google::protobuf::RepeatedPtrField<std::string> path;
  *path.Add() = std::string(kKeywords);
  return ApplyUpdate(values, path, photo);
}

// Whether what is asked for can be done to photos that come later.
absl::Status CheckLater(const pb::BatchUpdateLocalPhotosRequest& request, bool has_galleries) {
  const auto& paths = request.update_mask().paths();
  if (!has_galleries) {
    return Invalid("only a gallery has photos that come later; name one", "and_later");
  }
  if (std::find(paths.begin(), paths.end(), "edit") != paths.end()) {
    return Invalid("an edit is made for photos that are there; leave out and_later", "and_later");
  }
  if (!request.add_keywords().empty() || !request.remove_keywords().empty()) {
    return Invalid("keywords are added to those that photos have; for later ones set all of them",
                   "and_later");
  }
  return absl::OkStatus();
}

// The same error with the photo that it is about.
absl::Status About(const absl::Status& status, const std::string& photo) {
  return rpc::Error(status.code(), base::ToStd(status.message()), rpc::ReasonOf(status),
                    {{"photo", photo}, {"field", rpc::DetailOf(status, "field").value_or("")}});
}

}  // namespace

absl::StatusOr<std::string> ControlService::FindGallery(const std::string& name) const {
  const auto ids = rpc::ParseResourceName(kGalleryPattern, name);
  const bool is_ours = ids.has_value() && ids->at(0) == parts_.catalog.device().studio;
  const std::string id = is_ours ? ids->at(1) : name;
  // One whose photos were all taken over from the host has no record of its own yet.
  if (parts_.catalog.HasGallery(id)) return id;
  const absl::StatusOr<record::Gallery> gallery = parts_.catalog.GetGallery(id);
  if (!gallery.ok()) return gallery.status();
  return id;
}

absl::StatusOr<std::vector<std::string>> ControlService::FindGalleries(
    const google::protobuf::RepeatedPtrField<std::string>& names) const {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    absl::StatusOr<std::string> id = FindGallery(name);
    if (!id.ok()) return id.status();
    if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*std::move(id));
  }
  return ids;
}

absl::StatusOr<pb::BatchUpdateLocalPhotosResponse> ControlService::UpdatePhotos(
    const pb::BatchUpdateLocalPhotosRequest& request) {
  if (request.names().empty()) {
    return Invalid("name at least one photo or gallery", "names");
  }
  std::vector<std::string> galleries;
  std::vector<std::string> ids;
  std::set<std::string> seen;
  const auto take = [&](const record::Photo& photo) {
    if (seen.insert(photo.id()).second) ids.push_back(photo.id());
    return true;
  };
  for (const std::string& name : request.names()) {
    if (!name.starts_with('/') && rpc::ParseResourceName(kGalleryPattern, name).has_value()) {
      absl::StatusOr<std::string> gallery = FindGallery(name);
      if (!gallery.ok()) return gallery.status();
      const absl::Status status = parts_.catalog.VisitPhotos(*gallery, take);
      if (!status.ok()) return status;
      galleries.push_back(*std::move(gallery));
      continue;
    }
    const absl::StatusOr<record::Photo> photo = FindPhoto(name);
    if (!photo.ok()) return photo.status();
    take(*photo);
  }
  if (request.and_later()) {
    if (absl::Status good = CheckLater(request, !galleries.empty()); !good.ok()) return good;
  }
  const auto change = [&](std::size_t index, record::Photo& photo) {
    const absl::Status status = ApplyBatch(request, photo);
    return status.ok() ? status : About(status, ids[index]);
  };
  if (ids.empty()) {
    // A gallery without photos: nothing else would look at the values.
    record::Photo probe;
    if (absl::Status status = ApplyBatch(request, probe); !status.ok()) return status;
  }
  if (absl::Status status = parts_.catalog.CheckUpdate(ids, change); !status.ok()) return status;
  if (request.and_later()) {
    for (const std::string& gallery : galleries) {
      const absl::Status status = parts_.catalog.SetLaterMetadata(
          gallery, [&](record::Photo& photo) { return ApplyBatch(request, photo); });
      if (!status.ok()) return status;
    }
  }
  const absl::StatusOr<std::int64_t> changed = parts_.catalog.UpdateMany(ids, change);
  if (!changed.ok()) return changed.status();
  pb::BatchUpdateLocalPhotosResponse response;
  response.set_changed(*changed);
  response.set_photos(static_cast<std::int64_t>(ids.size()));
  return response;
}

grpc::ServerUnaryReactor* ControlService::BatchUpdateLocalPhotos(
    grpc::CallbackServerContext* context, const pb::BatchUpdateLocalPhotosRequest* request,
    pb::BatchUpdateLocalPhotosResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return UpdatePhotos(*request); });
}

absl::StatusOr<pb::ImportRosterResponse> ControlService::Import(
    const pb::ImportRosterRequest& request) {
  absl::StatusOr<Roster> roster = Roster::Read(request);
  if (!roster.ok()) return roster.status();
  absl::StatusOr<std::vector<std::string>> galleries = FindGalleries(request.galleries());
  if (!galleries.ok()) return galleries.status();
  if (galleries->empty()) galleries->emplace_back();  // all of them
  for (const std::string& gallery : *galleries) {
    const absl::Status status =
        parts_.catalog.VisitPhotos(gallery, [&](const record::Photo& photo) {
          roster->Consider(parts_.catalog.device(), photo);
          return true;
        });
    if (!status.ok()) return status;
  }
  if (request.validate_only()) return roster->TakeReport();
  if (absl::Status problem = roster->problem(); !problem.ok()) return problem;

  const std::vector<Roster::Assignment>& assignments = roster->assignments();
  std::vector<std::string> ids;
  ids.reserve(assignments.size());
  for (const Roster::Assignment& assignment : assignments) ids.push_back(assignment.photo);
  const absl::StatusOr<std::int64_t> changed =
      parts_.catalog.UpdateMany(ids, [&](std::size_t index, record::Photo& photo) {
        return roster->Apply(assignments[index].row, photo);
      });
  if (!changed.ok()) return changed.status();
  pb::ImportRosterResponse report = roster->TakeReport();
  report.set_changed_photos(*changed);
  return report;
}

grpc::ServerUnaryReactor* ControlService::ImportRoster(grpc::CallbackServerContext* context,
                                                       const pb::ImportRosterRequest* request,
                                                       pb::ImportRosterResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this, request] { return Import(*request); });
}

}  // namespace proofline::studio
