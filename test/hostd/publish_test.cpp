// Publishing over real gRPC.
#include <filesystem>
#include <thread>

#include "lib/base/text.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/test_host.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using test::PhotoEntry;
using test::PublishClient;
using test::Sample;
using test::TestHost;

struct Studio {
  Studio() : host(dir.path()) {
    host.AddStudio("north");
    key = host.AddDevice("north", "one");
  }
  proofline::test::TempDir dir;
  TestHost host;
  std::string key;
};

// Opens a raw stream and returns its end.
grpc::Status RawPublish(TestHost& host, const std::string& key,
                        const std::vector<pb::PublishRequest>& requests) {
  const auto stub = host.Sync(key);
  grpc::ClientContext context;
  const auto stream = stub->Publish(&context);
  for (const pb::PublishRequest& request : requests) stream->Write(request);
  pb::PublishResponse response;
  while (stream->Read(&response)) {
  }
  return stream->Finish();
}

pb::PublishRequest Open(const std::string& catalog = "cat") {
  pb::PublishRequest request;
  request.mutable_open()->set_catalog_id(catalog);
  return request;
}

pb::PublishRequest Pack(const std::vector<pb::PublishEntry>& entries) {
  pb::PublishRequest request;
  request.mutable_pack();
  for (const pb::PublishEntry& entry : entries) *request.mutable_pack()->add_entries() = entry;
  return request;
}

}  // namespace

TEST_CASE("What a publish stream has acknowledged survives a crash") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  CHECK(client.opened().last_sequence() == 0);
  CHECK(client.opened().max_pack_bytes() > 0);
  CHECK(client.opened().window_bytes() >= client.opened().max_pack_bytes());
  client.Send({PhotoEntry(1, {.photo = "p1"}), PhotoEntry(2, {.photo = "p2", .content = "two"})});
  pb::PublishEntry headerless = PhotoEntry(4, {.photo = "p3", .content = "three"});
  for (auto& rendition : *headerless.mutable_photo()->mutable_renditions()) {
    rendition.clear_header();  // it came with the first photo
  }
  client.Send({headerless});
  CHECK(client.ReadUpTo(4).empty());

  namespace fs = std::filesystem;
  fs::copy(studio.dir / "store", studio.dir / "copy", fs::copy_options::recursive);
  const auto crashed = Store::Open(studio.dir / "copy", std::uint64_t{8} << 20, base::RealClock());
  REQUIRE(crashed.ok());
  for (const Sample& sample : {Sample{.photo = "p1"}, Sample{.photo = "p2", .content = "two"},
                               Sample{.photo = "p3", .content = "three"}}) {
    const auto file = (*crashed)->ReadRendition("north", sample.photo, pb::RENDITION_KIND_PROOF);
    REQUIRE(file.ok());
    REQUIRE(file->has_value());
    CHECK((*file)->content == JpegOf(sample, pb::RENDITION_KIND_PROOF));
  }
  CHECK((*crashed)->OpenCatalog("north", "one", "cat")->last_sequence == 4);
  CHECK(client.Finish().ok());
}

TEST_CASE("After a break a device goes on where the host is, and may send again") {
  Studio studio;
  {
    PublishClient client(studio.host, studio.key);
    client.Send({PhotoEntry(1, {.photo = "p1"})});
    CHECK(client.ReadUpTo(1).empty());
    client.Send({PhotoEntry(2, {.photo = "p2"})});
    client.Break();
    CHECK_FALSE(client.WaitForEnd().ok());
  }
  PublishClient client(studio.host, studio.key);
  CHECK(client.opened().last_sequence() >= 1);
  client.Send({PhotoEntry(1, {.photo = "p1"}), PhotoEntry(2, {.photo = "p2"}),
               PhotoEntry(3, {.photo = "p3"})});
  CHECK(client.ReadUpTo(3).empty());
  CHECK(studio.host.store().GetUsage("north")->photos() == 3);
  // Another catalog begins anew.
  PublishClient rebuilt(studio.host, studio.key, "other");
  CHECK(rebuilt.opened().last_sequence() == 0);
}

TEST_CASE("A wrong entry is refused by name, the rest of the pack is stored") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  std::vector<pb::PublishEntry> entries;
  for (int i = 1; i <= 8; ++i) {
    entries.push_back(PhotoEntry(i, {.photo = base::Concat("p", i)}));
  }
  entries[0].mutable_photo()->mutable_renditions(1)->mutable_body()->append("x");
  entries[1].mutable_photo()->mutable_photo()->set_name("studios/south/galleries/g/photos/p2");
  entries[2].mutable_photo()->mutable_renditions()->DeleteSubrange(1, 1);
  entries[3].mutable_photo()->mutable_photo()->mutable_edit()->set_rotation_degrees(45);
  entries[4].mutable_photo()->mutable_photo()->mutable_metadata()->set_title(
      std::string(1'001, 't'));
  // A digest nobody has sent a header for.
  entries[5].mutable_photo()->mutable_renditions(0)->set_header_digest(std::string(32, 'x'));
  entries[5].mutable_photo()->mutable_renditions(0)->clear_header();
  entries[6].clear_photo();
  client.Send(entries);
  const auto refusals = client.ReadUpTo(8);
  const std::vector<std::string> expected = {
      "DIGEST_MISMATCH",  "FOREIGN_STUDIO", "RENDITION_MISSING", "EDIT_INVALID",
      "METADATA_INVALID", "HEADER_MISSING", "UNKNOWN_CHANGE"};
  REQUIRE(refusals.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(refusals[i].sequence() == static_cast<std::int64_t>(i) + 1);
    CHECK(refusals[i].reason() == expected[i]);
    CHECK_FALSE(refusals[i].message().empty());
  }
  CHECK(studio.host.store().GetUsage("north")->photos() == 1);
  CHECK(studio.host.store().FindPhoto("north", "p8")->has_value());

  // Told again to a device that may have missed it.
  client.Break();
  PublishClient again(studio.host, studio.key);
  CHECK(again.opened().last_sequence() == 8);
  CHECK(again.opened().refusals_size() == static_cast<int>(expected.size()));
  CHECK(again.opened().unsure_sequence() == 0);
  // What it says it has heard is not.
  const auto later = studio.host.store().OpenCatalog("north", "one", "cat", 5);
  REQUIRE(later->refusals.size() == 2);
  CHECK(later->refusals[0].sequence() == 6);
}

TEST_CASE("A device that may have missed more refusals than are kept is told so") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  std::vector<pb::PublishEntry> entries;
  for (int i = 1; i <= 130; ++i) {
    pb::PublishEntry entry;
    entry.set_sequence(i);
    entries.push_back(entry);
  }
  client.Send(entries);
  CHECK(client.ReadUpTo(130).size() == 130);
  client.Break();
  const auto missed = studio.host.store().OpenCatalog("north", "one", "cat", 0);
  CHECK(missed->refusals.size() == 100);
  CHECK(missed->refusals.front().sequence() == 31);
  CHECK(missed->unsure_sequence == 30);
  const auto heard = studio.host.store().OpenCatalog("north", "one", "cat", 30);
  CHECK(heard->unsure_sequence == 0);
  CHECK(heard->refusals.size() == 100);
}

TEST_CASE("A header that lies about its digest is refused") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  pb::PublishEntry entry = PhotoEntry(1, {});
  entry.mutable_photo()->mutable_renditions(0)->mutable_header()->append("x");
  client.Send({entry});
  const auto refusals = client.ReadUpTo(1);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].reason() == "DIGEST_MISMATCH");
}

TEST_CASE("A file that cannot be split comes whole and goes out whole") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  pb::PublishEntry entry = PhotoEntry(1, {});
  for (auto& rendition : *entry.mutable_photo()->mutable_renditions()) {
    rendition.set_body(rendition.header() + rendition.body());
    rendition.clear_header();
    rendition.clear_header_digest();
  }
  client.Send({entry});
  CHECK(client.ReadUpTo(1).empty());
  CHECK(
      studio.host.store().ReadRendition("north", "p1", pb::RENDITION_KIND_PROOF).value()->content ==
      JpegOf(Sample{}, pb::RENDITION_KIND_PROOF));
}

TEST_CASE("Packs that break the rules end the stream") {
  Studio studio;
  const auto end = [&](const std::vector<pb::PublishRequest>& requests) {
    return RawPublish(studio.host, studio.key, requests);
  };
  CHECK(end({Pack({PhotoEntry(1, {})})}).error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(end({Open("")}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(test::Reason(end({Open(), Open()})) == "NO_PACK");
  CHECK(test::Reason(end({Open(), Pack({})})) == "EMPTY_PACK");
  CHECK(test::Reason(end({Open(), Pack({PhotoEntry(2, {}), PhotoEntry(2, {})})})) ==
        "SEQUENCE_INVALID");
  CHECK(test::Reason(end({Open(), Pack({PhotoEntry(0, {})})})) == "SEQUENCE_INVALID");
  CHECK(test::Reason(end({Open(), Pack({PhotoEntry(5, {})}), Pack({PhotoEntry(4, {})})})) ==
        "SEQUENCE_INVALID");
  pb::PublishEntry large = PhotoEntry(6, {});
  large.mutable_photo()->mutable_renditions(0)->set_body(std::string(2 << 20, 'x'));
  CHECK(test::Reason(end({Open(), Pack({large, PhotoEntry(7, {})})})) == "PACK_TOO_LARGE");
  // One large entry alone may come (and is wrong here for another reason).
  PublishClient client(studio.host, studio.key, "large");
  client.Send({large});
  CHECK(client.ReadUpTo(6).size() == 1);
}

TEST_CASE("Only known devices publish") {
  Studio studio;
  CHECK(RawPublish(studio.host, "", {Open()}).error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(test::Reason(RawPublish(studio.host, "north.one.guess", {Open()})) == "CREDENTIAL_UNKNOWN");
}

TEST_CASE("A newer stream of the same device ends the older one") {
  Studio studio;
  PublishClient older(studio.host, studio.key);
  PublishClient newer(studio.host, studio.key);
  CHECK(older.WaitForEnd().error_code() == grpc::StatusCode::ABORTED);
  newer.Send({PhotoEntry(1, {})});
  CHECK(newer.ReadUpTo(1).empty());
  // Another device's stream is not touched.
  PublishClient other(studio.host, studio.host.AddDevice("north", "two"));
  newer.Send({PhotoEntry(2, {})});
  CHECK(newer.ReadUpTo(2).empty());
}

TEST_CASE("Revoking a device cuts its streams and refuses its next call") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  const auto stub = studio.host.Sync(studio.key);
  grpc::ClientContext follow_context;
  const auto follow = stub->FollowDeviceOrders(&follow_context, pb::FollowDeviceOrdersRequest());
  pb::RevokeDeviceRequest revoke;
  revoke.set_name("studios/north/devices/one");
  pb::Device device;
  REQUIRE(
      test::Call(studio.host.admin(), &pb::AdminService::Stub::RevokeDevice, revoke, &device).ok());
  CHECK(device.revoked());
  CHECK(client.WaitForEnd().error_code() == grpc::StatusCode::PERMISSION_DENIED);
  pb::OrderEvent event;
  while (follow->Read(&event)) {
  }
  CHECK(follow->Finish().error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(test::Reason(RawPublish(studio.host, studio.key, {Open()})) == "DEVICE_REVOKED");
}

TEST_CASE("A small window still takes everything, many packs in flight") {
  proofline::test::TempDir dir;
  TestHost::Options options;
  options.window_bytes = 4'096;
  TestHost host(dir.path(), options);
  host.AddStudio("north");
  std::vector<std::jthread> devices;
  std::vector<std::string> keys;
  for (int d = 0; d < 3; ++d) keys.push_back(host.AddDevice("north", base::Concat("d", d)));
  for (int d = 0; d < 3; ++d) {
    devices.emplace_back([&, d] {
      PublishClient client(host, keys[static_cast<std::size_t>(d)]);
      for (int i = 1; i <= 50; ++i) {
        const std::string id = base::Concat("d", d, "-", i);
        client.Send({PhotoEntry(2 * i - 1, {.photo = id, .content = id}),
                     PhotoEntry(2 * i, {.gallery = "g2", .photo = base::Concat(id, "b")})});
      }
      client.ReadUpTo(100);
      client.Finish();
    });
  }
  devices.clear();
  CHECK(host.store().GetUsage("north")->photos() == 300);
  CHECK(host.store().FindGallery("north", "g2").value()->photo_count() == 150);
}

TEST_CASE("Customers made at the studio can sign in at the host") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  pb::PublishEntry entry;
  entry.set_sequence(1);
  entry.mutable_customer()->set_name("studios/north/customers/tom");
  entry.mutable_customer()->set_identifier("TOMS-CODE-2031");
  *entry.mutable_customer()->mutable_share() = test::ShareOfGallery("north", "wedding");
  client.Send({entry, PhotoEntry(2, {})});
  CHECK(client.ReadUpTo(2).empty());
  pb::Customer typed;
  typed.set_identifier("toms code 2o31");
  const auto storefront = studio.host.SignIn(typed);
  pb::ListGalleriesResponse galleries;
  REQUIRE(test::Call(*storefront, &pb::StorefrontService::Stub::ListGalleries,
                     pb::ListGalleriesRequest(), &galleries)
              .ok());
  CHECK(galleries.galleries_size() == 1);

  entry.set_sequence(3);
  entry.mutable_customer()->set_name("studios/north/customers/thief");
  pb::PublishEntry nameless = entry;
  nameless.set_sequence(4);
  nameless.mutable_customer()->clear_identifier();
  pb::PublishEntry greedy = entry;
  greedy.set_sequence(5);
  greedy.mutable_customer()->mutable_share()->add_galleries("studios/south/galleries/wedding");
  client.Send({entry, nameless, greedy});
  const auto refusals = client.ReadUpTo(5);
  REQUIRE(refusals.size() == 3);
  CHECK(refusals[0].reason() == "IDENTIFIER_IN_USE");
  CHECK(refusals[1].reason() == "IDENTIFIER_MISSING");
  CHECK(refusals[2].reason() == "SHARE_INVALID");
  CHECK(studio.host.store().GetUsage("north")->customers() == 1);
}

TEST_CASE("A customer that comes again is the same one, and stays revoked once it was") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  pb::PublishEntry entry;
  entry.set_sequence(1);
  entry.mutable_customer()->set_name("studios/north/customers/tom");
  entry.mutable_customer()->set_identifier("TOMS-CODE-2031");
  *entry.mutable_customer()->mutable_share() = test::ShareOfGallery("north", "wedding");
  client.Send({entry});
  entry.set_sequence(2);
  client.Send({entry});
  CHECK(client.ReadUpTo(2).empty());
  CHECK(studio.host.store().GetUsage("north")->customers() == 1);
  pb::Customer typed;
  typed.set_identifier("TOMS-CODE-2031");
  studio.host.SignIn(typed);

  entry.set_sequence(3);
  entry.mutable_customer()->set_revoked(true);
  client.Send({entry});
  CHECK(client.ReadUpTo(3).empty());
  CHECK(studio.host.store().GetCustomer("north", "tom")->revoked());
  entry.set_sequence(4);
  entry.mutable_customer()->set_revoked(false);
  client.Send({entry});
  CHECK(client.ReadUpTo(4).empty());
  CHECK(studio.host.store().GetCustomer("north", "tom")->revoked());
}

TEST_CASE("A share by subject in one gallery opens that subject's photos there and no others") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  const auto of_subject = [](std::int64_t sequence, const char* gallery, const char* photo,
                             const char* subject) {
    pb::PublishEntry entry =
        PhotoEntry(sequence, {.gallery = gallery, .photo = photo, .content = photo});
    entry.mutable_photo()->mutable_photo()->mutable_metadata()->set_subject(subject);
    return entry;
  };
  pb::PublishEntry share;
  share.set_sequence(4);
  share.mutable_customer()->set_name("studios/north/customers/seven");
  share.mutable_customer()->set_identifier("NUMB-ERSE-VEN7");
  auto& match = *share.mutable_customer()->mutable_share()->add_matches();
  match.set_field("subject");
  match.set_value("7");
  match.set_gallery("studios/north/galleries/hill-school");
  client.Send({of_subject(1, "hill-school", "p1", "7"), of_subject(2, "hill-school", "p2", "8"),
               of_subject(3, "lake-school", "p3", "7"), share});
  CHECK(client.ReadUpTo(4).empty());
  pb::Customer typed;
  typed.set_identifier("NUMB-ERSE-VEN7");
  const auto storefront = studio.host.SignIn(typed);
  pb::ListGalleriesResponse galleries;
  REQUIRE(test::Call(*storefront, &pb::StorefrontService::Stub::ListGalleries,
                     pb::ListGalleriesRequest(), &galleries)
              .ok());
  REQUIRE(galleries.galleries_size() == 1);
  CHECK(galleries.galleries(0).photo_count() == 1);
  pb::ListPhotosRequest list;
  list.set_parent("studios/north/galleries/hill-school");
  pb::ListPhotosResponse photos;
  REQUIRE(test::Call(*storefront, &pb::StorefrontService::Stub::ListPhotos, list, &photos).ok());
  REQUIRE(photos.photos_size() == 1);
  CHECK(photos.photos(0).name() == "studios/north/galleries/hill-school/photos/p1");
  pb::GetRenditionRequest foreign;
  foreign.set_photo("studios/north/galleries/lake-school/photos/p3");
  foreign.set_kind(pb::RENDITION_KIND_THUMBNAIL);
  pb::GetRenditionResponse none;
  CHECK(test::Call(*storefront, &pb::StorefrontService::Stub::GetRendition, foreign, &none)
            .error_code() == grpc::StatusCode::NOT_FOUND);

  // One that comes later is opened as well; a gallery of another studio cannot be named.
  client.Send({of_subject(5, "hill-school", "p5", "7")});
  CHECK(client.ReadUpTo(5).empty());
  REQUIRE(test::Call(*storefront, &pb::StorefrontService::Stub::ListPhotos, list, &photos).ok());
  CHECK(photos.photos_size() == 2);
  share.set_sequence(6);
  share.mutable_customer()->mutable_share()->mutable_matches(0)->set_gallery(
      "studios/south/galleries/hill-school");
  client.Send({share});
  const auto refusals = client.ReadUpTo(6);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].reason() == "SHARE_INVALID");
}

TEST_CASE("A gallery gets the title that the studio gives it") {
  Studio studio;
  PublishClient client(studio.host, studio.key);
  pb::PublishEntry entry;
  entry.set_sequence(2);
  entry.mutable_gallery()->set_name("studios/north/galleries/wedding");
  entry.mutable_gallery()->set_title("Anna and Ben");
  client.Send({PhotoEntry(1, {}), entry});
  CHECK(client.ReadUpTo(2).empty());
  const auto gallery = studio.host.store().FindGallery("north", "wedding").value();
  CHECK(gallery->title() == "Anna and Ben");
  CHECK(gallery->photo_count() == 1);
}

}  // namespace proofline::host
