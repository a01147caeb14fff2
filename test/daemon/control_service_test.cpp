#include "daemon/control_service.h"

#include <set>

#include "test/daemon/control_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

using Stub = pb::StudioControlService::Stub;

TEST_CASE("the status counts what is done, waiting and failed") {
  Control c;
  for (const char* name : {"g/1.jpg", "g/2.jpg", "g/3.jpg"}) c.studio.Add(name, name);
  REQUIRE(c.studio.catalog().FinishFailed(*c.studio.Take(), "broken", false).ok());
  REQUIRE(c.studio.catalog().FinishRendered(*c.studio.Take(), FakeRenditions("x"), true).ok());
  REQUIRE(c.book->RecordOrder(OrderOf(pb::ORDER_STATE_HELD, 1, {{"a", "1"}})).ok());
  const pb::GetStudioStatusResponse status = c.Status();
  CHECK(status.waiting() == 1);
  CHECK(status.rendered() == 1);
  CHECK(status.failed() == 1);
  CHECK(status.original_bytes() == 21);
  CHECK(status.open_orders() == 1);
  CHECK(status.device() == "studios/demo/devices/front-desk");
  CHECK_FALSE(status.version().empty());
  CHECK_FALSE(status.host_connected());
  CHECK_FALSE(status.host_message().empty());
  REQUIRE(status.folders_size() == 1);
  CHECK(status.folders(0).path() == c.studio.root());
}

TEST_CASE("who watches the status hears of changes") {
  Control c;
  grpc::ClientContext context;
  const auto stream = c.stub->WatchStudioStatus(&context, {});
  pb::GetStudioStatusResponse status;
  REQUIRE(stream->Read(&status));
  CHECK(status.waiting() == 0);
  c.studio.Add("g/1.jpg", "x");
  while (status.waiting() == 0) REQUIRE(stream->Read(&status));
  CHECK(status.waiting() == 1);
  context.TryCancel();
  CHECK_FALSE(stream->Read(&status));
  stream->Finish();
}

TEST_CASE("galleries and photos are listed page by page") {
  Control c;
  for (const char* name : {"a/1.jpg", "a/2.jpg", "b/3.jpg"}) c.studio.Add(name, name);
  pb::ListLocalGalleriesRequest galleries;
  galleries.set_page_size(1);
  pb::ListLocalGalleriesResponse page;
  REQUIRE(c.Call(&Stub::ListLocalGalleries, galleries, page).ok());
  REQUIRE(page.galleries_size() == 1);
  CHECK(page.galleries(0).title() == "a");
  CHECK(page.galleries(0).photo_count() == 2);
  galleries.set_page_token(page.next_page_token());
  REQUIRE(c.Call(&Stub::ListLocalGalleries, galleries, page).ok());
  CHECK(page.galleries(0).title() == "b");
  const std::string gallery_b = page.galleries(0).name();

  pb::ListLocalPhotosRequest photos;
  photos.set_page_size(2);
  std::set<std::string> names;
  pb::ListLocalPhotosResponse list;
  do {
    REQUIRE(c.Call(&Stub::ListLocalPhotos, photos, list).ok());
    for (const pb::LocalPhoto& photo : list.photos()) names.insert(photo.photo().name());
    photos.set_page_token(list.next_page_token());
  } while (!list.next_page_token().empty());
  CHECK(names.size() == 3);

  pb::ListLocalPhotosRequest in_b;
  in_b.set_gallery(gallery_b);
  REQUIRE(c.Call(&Stub::ListLocalPhotos, in_b, list).ok());
  CHECK(list.photos_size() == 1);
  in_b.set_gallery("studios/other/galleries/b");
  CHECK(absl::IsNotFound(c.Call(&Stub::ListLocalPhotos, in_b, list)));
  photos.set_page_token("made up");
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::ListLocalPhotos, photos, list)));
}

TEST_CASE("a photo is found by its name and by its path, and nothing else is") {
  Control c;
  c.studio.Add("a/1.jpg", "x");
  const pb::LocalPhoto by_path = c.Photo("a/1.jpg");
  CHECK(by_path.state() == pb::LOCAL_PHOTO_STATE_WAITING);
  CHECK(by_path.paths(0) == c.studio.path("a/1.jpg"));
  pb::GetLocalPhotoRequest request;
  request.set_name(by_path.photo().name());
  pb::LocalPhoto by_name;
  REQUIRE(c.Call(&Stub::GetLocalPhoto, request, by_name).ok());
  CHECK(by_name.photo().name() == by_path.photo().name());
  for (const char* name :
       {"", "/nowhere.jpg", "photos/1", "studios/demo/galleries/g/photos/none"}) {
    request.set_name(name);
    const absl::Status status = c.Call(&Stub::GetLocalPhoto, request, by_name);
    CHECK(absl::IsNotFound(status));
    CHECK(rpc::ReasonOf(status) == "PHOTO_NOT_FOUND");
  }
}

TEST_CASE("metadata and edits are changed by mask and guarded by the etag") {
  Control c;
  c.studio.Add("a/1.jpg", "x");
  c.studio.RenderAll();
  c.studio.AcknowledgeAll();
  pb::UpdateLocalPhotoRequest request;
  *request.mutable_photo() = c.Photo("a/1.jpg").photo();
  request.mutable_photo()->mutable_metadata()->set_title("The couple");
  request.mutable_photo()->mutable_metadata()->set_caption("not in the mask");
  request.mutable_update_mask()->add_paths("metadata.title");
  pb::LocalPhoto updated;
  REQUIRE(c.Call(&Stub::UpdateLocalPhoto, request, updated).ok());
  CHECK(updated.photo().metadata().title() == "The couple");
  CHECK(updated.photo().metadata().caption().empty());
  CHECK(updated.state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(c.studio.Pending().at(0).contents.empty());

  CHECK(absl::IsAborted(c.Call(&Stub::UpdateLocalPhoto, request, updated)));

  request.mutable_photo()->clear_etag();
  request.mutable_photo()->mutable_edit()->set_rotation_degrees(180);
  request.mutable_update_mask()->set_paths(0, "edit");
  REQUIRE(c.Call(&Stub::UpdateLocalPhoto, request, updated).ok());
  CHECK(updated.state() == pb::LOCAL_PHOTO_STATE_WAITING);

  request.mutable_update_mask()->set_paths(0, "file_name");
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::UpdateLocalPhoto, request, updated)));
}

TEST_CASE("failed photos are tried again, work is paused and resumed, folders are looked through") {
  Control c;
  c.studio.Add("a/1.jpg", "x");
  REQUIRE(c.studio.catalog().FinishFailed(*c.studio.Take(), "broken", false).ok());
  CHECK(c.Photo("a/1.jpg").state_message() == "broken");
  pb::RetryPhotosResponse retried;
  REQUIRE(c.Call(&Stub::RetryPhotos, pb::RetryPhotosRequest(), retried).ok());
  CHECK(retried.photos() == 1);
  pb::RetryPhotosRequest unknown;
  unknown.add_names("studios/demo/galleries/g/photos/none");
  CHECK(absl::IsNotFound(c.Call(&Stub::RetryPhotos, unknown, retried)));

  pb::PauseWorkResponse paused;
  REQUIRE(c.Call(&Stub::PauseWork, pb::PauseWorkRequest(), paused).ok());
  CHECK(c.Status().paused());
  pb::ResumeWorkResponse resumed;
  REQUIRE(c.Call(&Stub::ResumeWork, pb::ResumeWorkRequest(), resumed).ok());
  CHECK_FALSE(c.Status().paused());
  pb::RescanResponse rescan;
  CHECK(c.Call(&Stub::Rescan, pb::RescanRequest(), rescan).ok());
}

TEST_CASE("orders are listed with this device's lines") {
  Control c;
  REQUIRE(c.book
              ->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1,
                                    {{"a", "1"}, {"b", "2", "colour-lab", "back-office"}}))
              .ok());
  pb::ListLocalOrdersResponse orders;
  REQUIRE(c.Call(&Stub::ListLocalOrders, pb::ListLocalOrdersRequest(), orders).ok());
  REQUIRE(orders.orders_size() == 1);
  CHECK(orders.orders(0).lines_size() == 1);
}

TEST_CASE("what is not served yet says so") {
  Control c;
  pb::RebuildCatalogResponse response;
  const absl::Status status = c.Call(&Stub::RebuildCatalog, pb::RebuildCatalogRequest(), response);
  CHECK(absl::IsUnimplemented(status));
  CHECK(std::string(status.message()) ==
        "RebuildCatalog is not served by this version of the studio daemon");
}

TEST_CASE("the status says what is away since when, and which orders wait for it") {
  Control c;
  // On a card with this number, as the settle queue would let it go.
  const auto plug = [&](const std::string& name, std::uint64_t volume) {
    SettledPath settled = c.studio.Settled(name);
    settled.reading.stamp.volume = volume;
    settled.reading.stamp.inode = 0;
    REQUIRE(c.studio.catalog().RecordSettled({settled}).ok());
  };
  const bool formatted = GENERATE(true, false);
  const std::string name = "DCIM/100CANON/IMG_0001.JPG";
  WriteFile(c.studio.path(name), "of the card");
  plug(name, 11);
  c.studio.RenderAll();
  c.studio.AcknowledgeAll();
  REQUIRE(c.book
              ->RecordOrder(
                  OrderOf(pb::ORDER_STATE_RELEASED, 1, {{c.studio.At(name).id(), "of the card"}}))
              .ok());
  CHECK(c.Status().folders(0).message().empty());
  if (formatted) {
    WriteFile(c.studio.path(name), "taken after it was formatted");
    plug(name, 22);
  } else {
    std::filesystem::remove(c.studio.path(name));
    c.ingest.Start();
    const std::string folder = FolderOf(c.studio.path(name));
    // However often it is looked for.
    for (int i = 0; i < 2; ++i) {
      c.ingest.OnFolderListed(c.studio.root(), folder, {}, {});
      REQUIRE(Eventually([&] { return c.ingest.settling() == 0; }));
    }
    REQUIRE(Eventually([&] { return c.ingest.away(c.studio.root()).files == 1; }));
    CHECK(c.ingest.IsAway(c.studio.root(), c.studio.path(name)));
    const std::string away = c.Status().folders(0).message();
    CHECK(away.find("with 1 of its files is not there (since ") != std::string::npos);
    CHECK(away.find("order1") == std::string::npos);
  }
  const auto shares = c.book->SharesToSend("colour-lab");
  REQUIRE(shares.ok());
  REQUIRE(shares->size() == 1);
  REQUIRE(c.book->NoteWaiting(shares->front(), "the original is on a disk that is away").ok());
  const std::string message = c.Status().folders(0).message();
  INFO(message);
  CHECK(message.find("; orders that wait for originals from there: order1") != std::string::npos);
}

}  // namespace
}  // namespace proofline::studio::test
