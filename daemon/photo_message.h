// Between what the catalog and the image library know of a photo and the wire API.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "daemon/record.pb.h"
#include "lib/imaging/image_facts.h"
#include "proofline/v1/photo.pb.h"
#include "proofline/v1/studio_control_service.pb.h"

namespace proofline::studio {

// Which studio and device this daemon works for: resource ids.
struct DeviceName {
  std::string studio;
  std::string device;

  std::string ToString() const;  // studios/{studio}/devices/{device}
};

// What the file says, cut to the limits of the API.
v1::Metadata MetadataFromFacts(const imaging::ImageFacts& facts);

// What the file says, with what people entered in its place.
v1::Metadata MergedMetadata(const record::Photo& photo);

// Whether people can enter the field of metadata with this name.
bool IsEnterable(std::string_view name);
// Makes one field of `to` what it is in `from`.
void CopyMetadataField(const v1::Metadata& from, const std::string& name, v1::Metadata& to);

// The fields that people can enter and in which `known` differs from what the file says become
// entered fields, unless they are already.
void KeepDifferences(const v1::Metadata& known, record::Photo& photo);
// What was entered on `from` becomes entered on `into`.
void TakeEntered(const record::Photo& from, record::Photo& into);
// The same for fields only that nobody has entered on `into`.
void FillEntered(const record::Photo& from, record::Photo& into);

// studios/{studio}/galleries/{gallery}/photos/{photo} as the photo's main place has it.
std::string PhotoName(const DeviceName& device, const record::Photo& photo);

// The record as it goes to the host and to people.
v1::Photo PhotoMessage(const DeviceName& device, const record::Photo& photo);
v1::LocalPhoto LocalPhotoMessage(const DeviceName& device, const record::Photo& photo);

// Takes the fields that `paths` name ("metadata.title", "metadata.fields.class", "edit", …) over
// from `values`. InvalidArgument for fields that people cannot set, values beyond the limits of the
// API, and an edit that is none; `photo` may then have changed in part.
absl::Status ApplyUpdate(const v1::Photo& values,
                         const google::protobuf::RepeatedPtrField<std::string>& paths,
                         record::Photo& photo);

}  // namespace proofline::studio
