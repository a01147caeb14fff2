#include "daemon/said.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/catalog_transaction.h"
#include "daemon/photo_message.h"
#include "lib/base/text.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::string_view kEdit = "edit";
constexpr std::string_view kFields = "fields";
constexpr std::string_view kFreeField = "fields.";
// More than a photo can have at once; free fields that were taken away are forgotten beyond it.
constexpr std::size_t kMostSaid = 200;

bool IsEntered(const record::Photo& photo, const std::string& name) {
  const auto& entered = photo.entered_fields();
  return std::find(entered.begin(), entered.end(), name) != entered.end();
}

void AddFreeFieldsSaid(const record::Photo& before, const record::Photo& after,
                       std::set<std::string>& said) {
  const auto& old_fields = before.entered().fields();
  const auto& new_fields = after.entered().fields();
  for (const auto& [key, value] : new_fields) {
    const auto old = old_fields.find(key);
    if (old == old_fields.end() || old->second != value) {
      said.insert(base::Concat(kFreeField, key));
    }
  }
  for (const auto& [key, value] : old_fields) {
    if (!new_fields.contains(key)) said.insert(base::Concat(kFreeField, key));
  }
}

bool SameField(const pb::Metadata& a, const pb::Metadata& b, const std::string& name) {
  pb::Metadata only_a;
  pb::Metadata only_b;
  CopyMetadataField(a, name, only_a);
  CopyMetadataField(b, name, only_b);
  return ExactBytes(only_a) == ExactBytes(only_b);
}

bool SameEdit(const record::Photo& a, const pb::Edit& edit, bool has_edit) {
  return a.has_edit() == has_edit && ExactBytes(a.edit()) == ExactBytes(edit);
}

void DropOldest(record::Photo& photo) {
  auto& said = *photo.mutable_said_ms();
  if (said.size() <= kMostSaid) return;
  std::vector<std::pair<std::int64_t, std::string>> gone;
  for (const auto& [name, ms] : said) {
    const bool free = std::string_view(name).starts_with(kFreeField);
    if (free && !photo.entered().fields().contains(name.substr(kFreeField.size()))) {
      gone.emplace_back(ms, name);
    }
  }
  std::sort(gone.begin(), gone.end());
  for (const auto& [ms, name] : gone) {
    if (said.size() <= kMostSaid) return;
    said.erase(name);
  }
}

std::int64_t Milliseconds(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000 + time.nanos() / 1'000'000;
}

}  // namespace

void NoteSaid(const record::Photo& before, std::int64_t now_ms, record::Photo& photo) {
  std::set<std::string> said;
  for (const std::string& name : photo.entered_fields()) {
    if (name == kFields) continue;
    const bool same = IsEntered(before, name) && SameField(before.entered(), photo.entered(), name);
    if (!same) said.insert(name);
  }
  AddFreeFieldsSaid(before, photo, said);
  if (!SameEdit(before, photo.edit(), photo.has_edit())) said.emplace(kEdit);
  for (const std::string& name : said) {
    std::int64_t& at = (*photo.mutable_said_ms())[name];
    at = std::max(now_ms, at + 1);
  }
  DropOldest(photo);
}

void TellSaid(const record::Photo& photo, pb::Photo& message) {
  for (const auto& [name, ms] : photo.said_ms()) {
    google::protobuf::Timestamp& time = (*message.mutable_said_times())[name];
    time.set_seconds(ms / 1'000);
    time.set_nanos(static_cast<std::int32_t>(ms % 1'000) * 1'000'000);
  }
}

TakenSaid TakeNewerSaid(const pb::Photo& told, record::Photo& photo) {
  const record::Photo before = photo;
  pb::Metadata& entered = *photo.mutable_entered();
  for (const auto& [name, time] : told.said_times()) {
    const std::int64_t ms = Milliseconds(time);
    const auto known = photo.said_ms().find(name);
    if (known != photo.said_ms().end() && known->second >= ms) continue;
    std::string field = name;
    if (name == kEdit) {
      photo.clear_edit();
      if (told.has_edit()) *photo.mutable_edit() = told.edit();
    } else if (std::string_view(name).starts_with(kFreeField)) {
      const std::string key = name.substr(kFreeField.size());
      const auto value = told.metadata().fields().find(key);
      entered.mutable_fields()->erase(key);
      if (value != told.metadata().fields().end()) (*entered.mutable_fields())[key] = value->second;
      field = kFields;
    } else if (IsEnterable(name)) {
      CopyMetadataField(told.metadata(), name, entered);
    } else {
      continue;
    }
    if (field != kEdit && !IsEntered(photo, field)) photo.add_entered_fields(field);
    (*photo.mutable_said_ms())[name] = ms;
  }
  if (!photo.said_ms().empty()) DropOldest(photo);
  return {.metadata = ExactBytes(MergedMetadata(before)) != ExactBytes(MergedMetadata(photo)),
          .edit = !SameEdit(before, photo.edit(), photo.has_edit())};
}

}  // namespace proofline::studio
