// proofline studio set and edit: metadata and edits of photos.
#include <optional>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

struct SetFlags {
  std::vector<std::string> photos;
  // A flag that was given with empty text clears its value.
  std::optional<std::string> title, caption, subject, event, customer_reference, rating, label;
  std::vector<std::string> keywords;
  bool no_keywords = false;
  std::vector<std::string> fields;
};

struct EditFlags {
  std::vector<std::string> photos;
  std::optional<std::string> rotate, straighten, crop;
  bool reset = false;
};

// The parsed form of the flags that have one.
struct SetValues {
  int rating = 0;
  std::vector<std::pair<std::string, std::string>> fields;
};

void ApplySet(const SetFlags& flags, const SetValues& values,
              v1::UpdateLocalPhotoRequest& request) {
  v1::Metadata& metadata = *request.mutable_photo()->mutable_metadata();
  const auto path = [&](const char* field) {
    request.mutable_update_mask()->add_paths(Concat("metadata.", field));
  };
  const auto text = [&](const std::optional<std::string>& value, const char* field,
                        std::string* (v1::Metadata::*mutable_text)()) {
    if (!value) return;
    *(metadata.*mutable_text)() = *value;
    path(field);
  };
  text(flags.title, "title", &v1::Metadata::mutable_title);
  text(flags.caption, "caption", &v1::Metadata::mutable_caption);
  text(flags.subject, "subject", &v1::Metadata::mutable_subject);
  text(flags.event, "event", &v1::Metadata::mutable_event);
  text(flags.customer_reference, "customer_reference", &v1::Metadata::mutable_customer_reference);
  text(flags.label, "label", &v1::Metadata::mutable_label);
  if (flags.rating) {
    metadata.set_rating(values.rating);
    path("rating");
  }
  if (!flags.keywords.empty() || flags.no_keywords) {
    metadata.mutable_keywords()->Assign(flags.keywords.begin(), flags.keywords.end());
    path("keywords");
  }
  for (const auto& [key, value] : values.fields) {
    if (value.empty()) {
      metadata.mutable_fields()->erase(key);
    } else {
      (*metadata.mutable_fields())[key] = value;
    }
  }
  if (!values.fields.empty()) path("fields");
}

absl::Status Set(Program& program, const StudioTarget& target, const SetFlags& flags) {
  SetValues values;
  if (flags.rating) {
    const auto rating = ParseNumber(*flags.rating, -1, 5, "a rating");
    if (!rating.ok()) return rating.status();
    values.rating = static_cast<int>(*rating);
    if (values.rating != *rating) return UsageError("a rating is a whole number from -1 to 5");
  }
  for (const std::string& field : flags.fields) {
    auto pair = ParseKeyValue(field);
    if (!pair.ok()) return pair.status();
    values.fields.push_back(*std::move(pair));
  }
  v1::UpdateLocalPhotoRequest probe;
  ApplySet(flags, values, probe);
  if (probe.update_mask().paths().empty()) {
    return UsageError("nothing to set; give --title, --event or another flag of set --help");
  }
  return ChangePhotos(program, target, flags.photos, [&](v1::UpdateLocalPhotoRequest& request) {
    ApplySet(flags, values, request);
  });
}

absl::Status Edit(Program& program, const StudioTarget& target, const EditFlags& flags) {
  std::optional<int> rotation;
  std::optional<double> straighten;
  std::optional<v1::Crop> crop;
  if (flags.rotate) {
    const auto value = ParseRotation(*flags.rotate);
    if (!value.ok()) return value.status();
    rotation = *value;
  }
  if (flags.straighten) {
    const auto value = ParseNumber(*flags.straighten, -45, 45, "degrees to straighten by");
    if (!value.ok()) return value.status();
    straighten = *value;
  }
  if (flags.crop) {
    const auto value = ParseCrop(*flags.crop);
    if (!value.ok()) return value.status();
    crop = *value;
  }
  if (!rotation && !straighten && !crop && !flags.reset) {
    return UsageError("nothing to edit; give --rotate, --straighten, --crop or --reset");
  }
  return ChangePhotos(program, target, flags.photos, [&](v1::UpdateLocalPhotoRequest& request) {
    v1::Edit& edit = *request.mutable_photo()->mutable_edit();
    if (flags.reset) edit.Clear();
    if (rotation) edit.set_rotation_degrees(*rotation);
    if (straighten) edit.set_straighten_degrees(*straighten);
    if (crop) *edit.mutable_crop() = *crop;
    request.mutable_update_mask()->add_paths("edit");
  });
}

constexpr char kPhotosHelp[] =
    "GALLERY/PHOTO, identifier, name or path of the original; a full gallery name is all its "
    "photos";

}  // namespace

absl::Status ChangePhotos(Program& program, const StudioTarget& target,
                          const std::vector<std::string>& texts, const PhotoChange& change) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto photos = StudioNames(*client).Photos(texts);
  if (!photos.ok()) return photos.status();
  if (photos->empty()) return absl::NotFoundError("the named galleries hold no photos");
  Progress progress(program.output);
  std::int64_t changed = 0;
  for (const v1::LocalPhoto& local : *photos) {
    v1::UpdateLocalPhotoRequest request;
    request.mutable_photo()->set_name(local.photo().name());
    request.mutable_photo()->set_etag(local.photo().etag());
    *request.mutable_photo()->mutable_metadata() = local.photo().metadata();
    *request.mutable_photo()->mutable_edit() = local.photo().edit();
    change(request);
    const auto response = client->Call(&Stub::UpdateLocalPhoto, request);
    if (!response.ok()) {
      progress.Clear();
      if (changed > 0) {
        program.output.Note(Concat(changed, " photos before it were changed"));
      }
      return response.status();
    }
    progress.Show("changed", ++changed, static_cast<std::int64_t>(photos->size()));
    if (program.output.json()) program.output.Json(*response);
  }
  progress.Clear();
  if (!program.output.json() && !program.output.quiet()) {
    program.output.Line(Concat("changed ", changed == 1
                                               ? ShortName(photos->front().photo().name(), 1)
                                               : Concat(changed, " photos")));
  }
  return absl::OkStatus();
}

void AddStudioEditVerbs(CLI::App& group, Program& program, const Target& target) {
  auto set_flags = std::make_shared<SetFlags>();
  CLI::App* set =
      AddVerb(group, program, "set", "Set metadata of photos; empty text clears a value",
              "proofline studio set summer/01hx5z --title \"First dance\" --keyword wedding "
              "--field class=4b",
              [&program, target, set_flags] { return Set(program, *target, *set_flags); });
  set->add_option("photos", set_flags->photos, kPhotosHelp)->required();
  set->add_option("--title", set_flags->title, "Title");
  set->add_option("--caption", set_flags->caption, "Caption or description");
  set->add_option("--subject", set_flags->subject, "Who or what is in the picture");
  set->add_option("--event", set_flags->event, "The shoot or occasion");
  set->add_option("--customer-reference", set_flags->customer_reference,
                  "Your own reference to the customer");
  set->add_option("--rating", set_flags->rating, "Stars, 0 to 5; -1 rejects");
  set->add_option("--label", set_flags->label, "Colour label");
  set->add_option("--keyword", set_flags->keywords,
                  "A keyword; once for each, together they replace all there were")
      ->allow_extra_args(false);
  set->add_flag("--no-keywords", set_flags->no_keywords, "Remove all keywords");
  set->add_option("--field", set_flags->fields,
                  "KEY=VALUE of your own, once for each; the others stay; KEY= removes one")
      ->allow_extra_args(false);

  auto edit_flags = std::make_shared<EditFlags>();
  CLI::App* edit =
      AddVerb(group, program, "edit",
              "Edit photos without touching their originals; what no flag names stays as it is",
              "proofline studio edit summer/01hx5z --rotate 90 --crop 0.1,0,0.8,1",
              [&program, target, edit_flags] { return Edit(program, *target, *edit_flags); });
  edit->add_option("photos", edit_flags->photos, kPhotosHelp)->required();
  edit->add_option("--rotate", edit_flags->rotate,
                   "Clockwise rotation of the upright picture: 0, 90, 180 or 270");
  edit->add_option("--straighten", edit_flags->straighten, "Clockwise degrees, -45 to 45");
  edit->add_option("--crop", edit_flags->crop,
                   "left,top,width,height of what is kept, as fractions; 0,0,1,1 is everything");
  edit->add_flag("--reset", edit_flags->reset, "Drop the edit there was first");
}

}  // namespace proofline::cli
