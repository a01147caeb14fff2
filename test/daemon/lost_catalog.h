// A catalog that is lost, restored or built anew, and what a host tells it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "daemon/catalog_place.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {

namespace pb = proofline::v1;

using Photos = google::protobuf::RepeatedPtrField<pb::Photo>;

// What a host would tell of everything that the catalog has published.
inline Photos Told(Studio& studio) {
  Photos told;
  const auto photos = studio.catalog().ListPhotos("", pb::LOCAL_PHOTO_STATE_UNSPECIFIED, "", 1'000);
  for (const record::Photo& photo : *photos) {
    *told.Add() = PhotoMessage(studio.catalog().device(), photo);
  }
  return told;
}

// The folder of the catalog is lost; the next one asks the host.
inline void Lose(Studio& studio) {
  studio.Close();
  std::filesystem::remove_all(studio.folder() / "catalog");
  studio.ask_host = true;
  studio.Open();
  REQUIRE(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
}

inline void Tell(Studio& studio, const Photos& told) {
  google::protobuf::RepeatedPtrField<pb::Gallery> galleries;
  galleries.Add()->set_name("studios/demo/galleries/g");
  galleries[0].set_title("The gallery");
  REQUIRE(studio.catalog().RememberPhotos(told, galleries).ok());
}

inline void SetMetadata(Studio& studio, const std::string& name, const std::string& title) {
  REQUIRE(studio.catalog()
              .Update(studio.At(name).id(), "",
                      [&](record::Photo& photo) {
                        pb::Photo values;
                        values.mutable_metadata()->set_title(title);
                        (*values.mutable_metadata()->mutable_fields())["class"] = "4b";
                        google::protobuf::RepeatedPtrField<std::string> paths;
                        *paths.Add() = "metadata.title";
                        *paths.Add() = "metadata.fields.class";
                        return ApplyUpdate(values, paths, photo);
                      })
              .ok());
}

// Three photos of a gallery, published: one that people have named, one that they have turned.
struct Shoot {
  Shoot() {
    for (const char* name : {"g/a.jpg", "g/b.jpg", "g/c.jpg"}) studio.Add(name, name);
    studio.RenderAll();
    SetMetadata(studio, "g/a.jpg", "a title of ours");
    Turn(studio, "g/b.jpg");
    studio.RenderAll();
    studio.AcknowledgeAll();
    told = Told(studio);
    for (const char* name : {"g/a.jpg", "g/b.jpg", "g/c.jpg"}) ids.push_back(studio.At(name).id());
  }
  // Nothing but records waits to be sent, one of each photo.
  void CheckOnlyRecordsAreSent() {
    const std::vector<PendingPublish> pending = studio.Pending();
    CHECK(pending.size() == 3);
    for (const PendingPublish& item : pending) CHECK(item.contents.empty());
  }
  void CheckAsBefore() {
    CHECK(studio.At("g/a.jpg").id() == ids[0]);
    CHECK(studio.At("g/b.jpg").id() == ids[1]);
    CHECK(studio.At("g/c.jpg").id() == ids[2]);
    const record::Photo a = studio.At("g/a.jpg");
    CHECK(a.from_file().title() == "from the file");
    CHECK(MergedMetadata(a).title() == "a title of ours");
    CHECK(MergedMetadata(a).fields().at("class") == "4b");
    std::vector<std::string> entered(a.entered_fields().begin(), a.entered_fields().end());
    std::sort(entered.begin(), entered.end());
    CHECK(entered == std::vector<std::string>{"fields", "title"});
    CHECK(studio.At("g/b.jpg").edit().rotation_degrees() == 90);
    CHECK(studio.At("g/b.jpg").entered_fields().empty());
    CHECK_FALSE(studio.At("g/c.jpg").has_edit());
    for (const pb::Photo& now : Told(studio)) {
      const auto before = std::find_if(
          told.begin(), told.end(), [&](const pb::Photo& one) { return one.name() == now.name(); });
      REQUIRE(before != told.end());
      CHECK(now.metadata().SerializeAsString() == before->metadata().SerializeAsString());
      CHECK(now.renditions(1).digest() == before->renditions(1).digest());
      CHECK(now.file_name() == before->file_name());
    }
  }
  Studio studio;
  Photos told;
  std::vector<std::string> ids;
};

}  // namespace proofline::studio::test
