#include "daemon/photo_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "daemon/catalog_transaction.h"
#include "daemon/file_stamp.h"
#include "daemon/said.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

struct TextLimit {
  std::string_view field;
  std::size_t max_bytes;
};
// The fields of metadata that people can set, with the limit of texts.
constexpr std::array kEditable = {
    TextLimit{"title", 1'000},    TextLimit{"caption", 10'000},
    TextLimit{"subject", 1'000},  TextLimit{"event", 1'000},
    TextLimit{"keywords", 200},   TextLimit{"customer_reference", 1'000},
    TextLimit{"rating", 0},       TextLimit{"label", 1'000},
    TextLimit{"creator", 1'000},  TextLimit{"copyright", 1'000},
    TextLimit{"location", 1'000}, TextLimit{"fields", 1'000},
};
constexpr int kMaxKeywords = 200;
constexpr std::size_t kMaxFields = 100;
constexpr std::size_t kMaxFieldKey = 100;

// Two digits at `at`, or -1.
int TwoDigits(std::string_view text, std::size_t at) {
  int value = 0;
  if (at + 2 > text.size() || !absl::SimpleAtoi(base::ToAbsl(text.substr(at, 2)), &value))
    return -1;
  return value;
}

// "+02:00" or "-05:30" at the end of a time, or "Z".
bool ReadOffset(std::string_view text, int& minutes) {
  if (text == "Z") {
    minutes = 0;
    return true;
  }
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const int hours = TwoDigits(text, 1);
  const int rest = TwoDigits(text, 4);
  if (hours < 0 || rest < 0) return false;
  minutes = (hours * 60 + rest) * (text[0] == '-' ? -1 : 1);
  return minutes >= -840 && minutes <= 840;
}

void SetCaptureTime(std::string_view text, pb::Metadata& metadata) {
  absl::CivilSecond civil;
  if (text.size() < 19 || !absl::ParseCivilTime(std::string(text.substr(0, 19)), &civil)) return;
  absl::Time time = absl::FromCivil(civil, absl::UTCTimeZone());
  text.remove_prefix(19);
  double fraction = 0;
  if (text.starts_with('.')) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
    if (!absl::SimpleAtod(base::Concat("0", text.substr(0, end)), &fraction)) fraction = 0;
    text.remove_prefix(end);
  }
  int offset = 0;
  if (ReadOffset(text, offset)) {
    time -= absl::Minutes(offset);
    metadata.set_capture_utc_offset_minutes(offset);
  }
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  // The range of a Timestamp: years 1 to 9999.
  if (seconds < -62'135'596'800 || seconds > 253'402'300'799) return;
  metadata.mutable_capture_time()->set_seconds(seconds);
  metadata.mutable_capture_time()->set_nanos(
      std::min(static_cast<int>(fraction * 1e9), 999'999'999));
}

absl::Status Invalid(std::string_view sentence, std::string_view field) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, "FIELD_INVALID",
                    {{"field", base::Concat("metadata.", field)}});
}

absl::Status CheckMetadata(const pb::Metadata& metadata) {
  const Reflection& reflection = *metadata.GetReflection();
  for (const TextLimit& limit : kEditable) {
    const FieldDescriptor* field =
        metadata.GetDescriptor()->FindFieldByName(std::string(limit.field));
    if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    if (reflection.GetString(metadata, field).size() > limit.max_bytes) {
      return Invalid(base::Concat(limit.field, " is longer than ", limit.max_bytes, " bytes"),
                     limit.field);
    }
  }
  if (metadata.rating() < -1 || metadata.rating() > 5) {
    return Invalid("a rating is -1 (rejected), 0 (none) or 1 to 5 stars", "rating");
  }
  if (metadata.keywords_size() > kMaxKeywords) {
    return Invalid("a photo has at most 200 keywords", "keywords");
  }
  for (const std::string& keyword : metadata.keywords()) {
    if (keyword.empty() || keyword.size() > 200) {
      return Invalid("a keyword has 1 to 200 bytes", "keywords");
    }
  }
  if (metadata.fields().size() > kMaxFields) {
    return Invalid("a photo has at most 100 free fields", "fields");
  }
  for (const auto& [key, value] : metadata.fields()) {
    if (key.empty() || key.size() > kMaxFieldKey || value.size() > 1'000) {
      return Invalid("a free field's name has 1 to 100 bytes and its value at most 1,000",
                     "fields");
    }
  }
  return absl::OkStatus();
}

// Makes one field of `to` what it is in `from`.
void CopyField(const pb::Metadata& from, const FieldDescriptor* field, pb::Metadata& to) {
  pb::Metadata only = from;
  const Reflection& reflection = *only.GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection.ListFields(only, &set);
  for (const FieldDescriptor* other : set) {
    if (other != field) reflection.ClearField(&only, other);
  }
  reflection.ClearField(&to, field);
  to.MergeFrom(only);
}

absl::Status SetMetadataField(const pb::Metadata& values, std::string_view name,
                              record::Photo& photo) {
  constexpr std::string_view kFreeField = "fields.";
  pb::Metadata& entered = *photo.mutable_entered();
  std::string field_name(name);
  if (name.starts_with(kFreeField)) {
    const std::string key(name.substr(kFreeField.size()));
    const auto value = values.fields().find(key);
    if (value == values.fields().end()) {
      entered.mutable_fields()->erase(key);
    } else {
      (*entered.mutable_fields())[key] = value->second;
    }
    field_name = "fields";
  } else {
    const bool editable = std::any_of(kEditable.begin(), kEditable.end(),
                                      [&](const TextLimit& limit) { return limit.field == name; });
    if (!editable) {
      return Invalid(base::Concat("\"metadata.", name, "\" is not a field that can be set"), name);
    }
    CopyField(values, values.GetDescriptor()->FindFieldByName(field_name), entered);
  }
  auto& fields = *photo.mutable_entered_fields();
  if (std::find(fields.begin(), fields.end(), field_name) == fields.end()) {
    *fields.Add() = field_name;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsEnterable(std::string_view name) {
  return std::any_of(kEditable.begin(), kEditable.end(),
                     [&](const TextLimit& limit) { return limit.field == name; });
}

void CopyMetadataField(const pb::Metadata& from, const std::string& name, pb::Metadata& to) {
  const FieldDescriptor* field = pb::Metadata::descriptor()->FindFieldByName(name);
  if (field != nullptr) CopyField(from, field, to);
}

std::string DeviceName::ToString() const {
  return base::Concat("studios/", studio, "/devices/", device);
}

pb::Metadata MetadataFromFacts(const imaging::ImageFacts& facts) {
  pb::Metadata metadata;
  metadata.set_title(Readable(facts.title, 1'000));
  metadata.set_caption(Readable(facts.caption, 10'000));
  metadata.set_creator(Readable(facts.creator, 1'000));
  metadata.set_copyright(Readable(facts.copyright, 1'000));
  metadata.set_label(Readable(facts.label, 1'000));
  metadata.set_location(Readable(facts.location, 1'000));
  for (const std::string& keyword : facts.keywords) {
    if (metadata.keywords_size() >= kMaxKeywords) break;
    std::string text = Readable(keyword, 200);
    auto& known = *metadata.mutable_keywords();
    if (text.empty() || std::find(known.begin(), known.end(), text) != known.end()) continue;
    *known.Add() = std::move(text);
  }
  metadata.set_rating(std::clamp(facts.rating.value_or(0), -1, 5));
  SetCaptureTime(facts.capture_time, metadata);
  // Many cameras put the maker's name into the model as well.
  const bool maker_in_model = absl::StartsWithIgnoreCase(facts.camera_model, facts.camera_make);
  metadata.set_camera(
      Readable(maker_in_model || facts.camera_make.empty()
                   ? facts.camera_model
                   : base::Concat(facts.camera_make, facts.camera_model.empty() ? "" : " ",
                                  facts.camera_model),
               1'000));
  metadata.set_lens(Readable(facts.lens, 1'000));
  metadata.set_exposure_seconds(facts.exposure_time.value_or(0));
  metadata.set_f_number(facts.f_number.value_or(0));
  metadata.set_iso(facts.iso.value_or(0));
  metadata.set_focal_length_mm(facts.focal_length_mm.value_or(0));
  return metadata;
}

pb::Metadata MergedMetadata(const record::Photo& photo) {
  pb::Metadata merged = photo.from_file();
  for (const std::string& name : photo.entered_fields()) {
    const FieldDescriptor* field = merged.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) CopyField(photo.entered(), field, merged);
  }
  return merged;
}

void KeepDifferences(const pb::Metadata& known, record::Photo& photo) {
  for (const TextLimit& editable : kEditable) {
    const std::string name(editable.field);
    const auto& entered = photo.entered_fields();
    if (std::find(entered.begin(), entered.end(), name) != entered.end()) continue;
    const FieldDescriptor* field = known.GetDescriptor()->FindFieldByName(name);
    pb::Metadata before;
    pb::Metadata now;
    CopyField(known, field, before);
    CopyField(photo.from_file(), field, now);
    if (ExactBytes(before) == ExactBytes(now)) continue;
    CopyField(known, field, *photo.mutable_entered());
    photo.add_entered_fields(name);
  }
}

void TakeEntered(const record::Photo& from, record::Photo& into) {
  for (const std::string& name : from.entered_fields()) {
    const FieldDescriptor* field = pb::Metadata::descriptor()->FindFieldByName(name);
    if (field == nullptr) continue;
    CopyField(from.entered(), field, *into.mutable_entered());
    auto& fields = *into.mutable_entered_fields();
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) *fields.Add() = name;
    for (const auto& [said, ms] : from.said_ms()) {
      const bool is_it = said == name || (name == "fields" && absl::StartsWith(said, "fields."));
      if (is_it) (*into.mutable_said_ms())[said] = ms;
    }
  }
}

void FillEntered(const record::Photo& from, record::Photo& into) {
  record::Photo missing = from;
  auto& fields = *missing.mutable_entered_fields();
  const auto is_there = [&](const std::string& name) {
    const auto& entered = into.entered_fields();
    return std::find(entered.begin(), entered.end(), name) != entered.end();
  };
  fields.erase(std::remove_if(fields.begin(), fields.end(), is_there), fields.end());
  TakeEntered(missing, into);
}

std::string PhotoName(const DeviceName& device, const record::Photo& photo) {
  const record::Place* place = MainPlace(photo);
  return base::Concat("studios/", device.studio, "/galleries/",
                      place == nullptr ? "" : place->gallery(), "/photos/", photo.id());
}

pb::Photo PhotoMessage(const DeviceName& device, const record::Photo& photo) {
  pb::Photo message;
  message.set_name(PhotoName(device, photo));
  message.set_device(device.ToString());
  if (const record::Place* place = MainPlace(photo)) {
    message.set_file_name(Readable(NameOf(place->path()), 1'000));
  }
  message.set_original_digest(photo.digest());
  message.set_original_size_bytes(photo.original_size_bytes());
  message.set_width_px(photo.width_px());
  message.set_height_px(photo.height_px());
  *message.mutable_metadata() = MergedMetadata(photo);
  if (photo.has_edit()) *message.mutable_edit() = photo.edit();
  *message.mutable_renditions() = photo.renditions();
  *message.mutable_create_time() = photo.create_time();
  *message.mutable_update_time() = photo.update_time();
  message.set_etag(base::Concat(photo.revision()));
  message.set_edited_width_px(photo.edited_width_px());
  message.set_edited_height_px(photo.edited_height_px());
  TellSaid(photo, message);
  return message;
}

pb::LocalPhoto LocalPhotoMessage(const DeviceName& device, const record::Photo& photo) {
  pb::LocalPhoto message;
  *message.mutable_photo() = PhotoMessage(device, photo);
  for (const record::Place& place : photo.places()) {
    if (!place.displaced()) message.add_paths(Readable(place.path()));
  }
  message.set_state(ShownState(photo));
  message.set_state_message(photo.state_message());
  if (message.state() == pb::LOCAL_PHOTO_STATE_MISSING) {
    message.set_state_message(
        "the original is not where it was; put the file back, or leave it: nothing is withdrawn");
  }
  message.set_attempts(photo.attempts());
  return message;
}

absl::Status ApplyUpdate(const pb::Photo& values,
                         const google::protobuf::RepeatedPtrField<std::string>& paths,
                         record::Photo& photo) {
  if (paths.empty()) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "update_mask is empty; name the fields that are to change, e.g. "
                      "\"metadata.title\" or \"edit\"",
                      "FIELD_INVALID", {{"field", "update_mask"}});
  }
  constexpr std::string_view kMetadata = "metadata.";
  for (const std::string& path : paths) {
    absl::Status status;
    if (path == "metadata") {
      for (const TextLimit& limit : kEditable) {
        status.Update(SetMetadataField(values.metadata(), limit.field, photo));
      }
    } else if (path.starts_with(kMetadata)) {
      status = SetMetadataField(values.metadata(), path.substr(kMetadata.size()), photo);
    } else if (path == "edit") {
      status = imaging::Validate(imaging::EditFromMessage(values.edit()));
      if (!status.ok()) {
        return rpc::Error(status.code(), base::ToStd(status.message()), "FIELD_INVALID",
                          {{"field", "edit"}});
      }
      photo.clear_edit();
      if (values.has_edit()) *photo.mutable_edit() = values.edit();
    } else {
      status =
          rpc::Error(absl::StatusCode::kInvalidArgument,
                     base::Concat("\"", path, "\" cannot be changed; only metadata and edit can"),
                     "FIELD_INVALID", {{"field", path}});
    }
    if (!status.ok()) return status;
  }
  return CheckMetadata(photo.entered());
}

}  // namespace proofline::studio
