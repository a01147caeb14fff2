// Real network shares: what another machine does there arrives, and nothing is lost or taken away
// when the share's server dies, hangs and comes back.
#include <csignal>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/mounts.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

using std::chrono::seconds;

constexpr Size k4x6{1200, 1800};

void Append(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::app) << text;
}

std::string FolderMessage(const Line& line, int index) {
  return line.StudioStatus().folders(index).message();
}

// The host's record of every photo the customer sees, by the file's name; its name only.
std::map<std::string, std::string> Names(const Line& line, const std::string& session) {
  std::map<std::string, std::string> names;
  for (const auto& [file, photo] : VisiblePhotos(line, session)) names[file] = photo.name();
  return names;
}

Wish WishFor(const v1::Photo& photo, const fs::path& original) {
  Wish wish;
  wish.photo = photo;
  wish.original = original;
  wish.product = "4x6";
  wish.page = k4x6;
  wish.part = PartOfShape(photo, k4x6, 0, 0.5);
  return wish;
}

void SetPaused(const Line& line, bool paused) {
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(10));
  if (paused) {
    v1::PauseWorkResponse response;
    REQUIRE(line.Studio()->PauseWork(&context, {}, &response).ok());
  } else {
    v1::ResumeWorkResponse response;
    REQUIRE(line.Studio()->ResumeWork(&context, {}, &response).ok());
  }
}

constexpr char kShort[] = "\n[scan]\npoll_interval = \"500ms\"\n[files]\ngrace = \"1s\"\n";

}  // namespace

TEST_CASE("a share's photos arrive, follow what is done there, and outlast the share's server") {
  if (const std::string why = CannotMount({"sshd", "sshfs", "ssh-keygen"}); !why.empty()) {
    WARN(why << ": not tested");
    return;
  }
  StartVips("test_shares");
  Line line;
  Append(line.config(Part::kStudio), kShort);
  // Without a server, calls fail at once, or wait for it to come back.
  const std::vector<std::string> options = GENERATE(values<std::vector<std::string>>(
      {{}, {"reconnect", "ServerAliveInterval=1", "ServerAliveCountMax=2"}}));
  INFO((options.empty() ? "plain" : "reconnect"));
  SshShare share(line.folder() / "nas", line.watched(), options);
  share.StartServer();
  REQUIRE(share.Mount());
  line.StartAll();

  const fs::path wedding = share.served() / "wedding";
  const std::vector<std::string> files{"a.jpg", "b.jpg", "c.jpg", "d.jpg"};
  for (std::size_t i = 0; i < files.size(); ++i) PutPicture(wedding / files[i], int(i));
  line.WaitForPhotos(4);
  CHECK(line.StudioStatus().folders(0).polled());
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const auto at_first = Names(line, session);
  REQUIRE(at_first.size() == 4);

  // Renamed, saved again and deleted over there.
  fs::rename(wedding / "a.jpg", wedding / "first.jpg");
  const std::string old_digest = VisiblePhotos(line, session).at("b.jpg").original_digest();
  PutPicture(wedding / "b.jpg", 20, 640, 480);
  fs::remove(wedding / "c.jpg");
  REQUIRE(WaitUntil(
      [&] {
        const auto now = VisiblePhotos(line, session);
        return now.size() == 3 && now.contains("first.jpg") &&
               now.at("b.jpg").original_digest() != old_digest;
      },
      seconds(40)));
  auto now = Names(line, session);
  CHECK(now.at("first.jpg") == at_first.at("a.jpg"));
  CHECK(now.at("b.jpg") == at_first.at("b.jpg"));
  CHECK(now.at("d.jpg") == at_first.at("d.jpg"));
  line.WaitForPhotos(3);
  const std::int64_t sent = line.StudioStatus().sent_bytes();

  // The server dies. The grace time passes several times.
  const v1::Photo ordered = VisiblePhotos(line, session).at("d.jpg");
  share.KillServer();
  REQUIRE(WaitUntil([&] { return !FolderMessage(line, 0).empty(); }, seconds(40)));
  const std::vector<Wish> wishes = {WishFor(ordered, wedding / "d.jpg")};
  const std::string order = PlaceOrder(line, session, "while-away", wishes).name();
  CHECK_FALSE(WaitUntil([&] { return Names(line, session) != now; }, seconds(5)));
  CHECK_FALSE(FolderMessage(line, 0).empty());
  CHECK(StateOf(line, session, order) != v1::ORDER_STATE_COMPLETED);
  CHECK(line.StudioStatus().failed() == 0);

  // It comes back, with one photo more.
  PutPicture(wedding / "e.jpg", 30);
  share.StartServer();
  if (options.empty()) {
    share.Unmount();
    REQUIRE(share.Mount());
  }
  line.WaitForOrder(session, order, v1::ORDER_STATE_COMPLETED);
  CHECK(JudgePages(line.Pages(), wishes) == "");
  REQUIRE(WaitUntil([&] { return Names(line, session).size() == 4; }, seconds(40)));
  CHECK(WaitUntil([&] { return FolderMessage(line, 0).empty(); }, seconds(20)));
  line.WaitForPhotos(4);
  now["e.jpg"] = Names(line, session).at("e.jpg");
  CHECK(Names(line, session) == now);
  // One new photo has gone over the line, nothing else.
  const auto fresh = VisiblePhotos(line, session).at("e.jpg");
  std::int64_t its_bytes = 2'000;
  for (const v1::Rendition& rendition : fresh.renditions()) its_bytes += rendition.size_bytes();
  CHECK(line.StudioStatus().sent_bytes() - sent <= its_bytes);
}

TEST_CASE(
    "a share that hangs with photos in hand holds up neither others, nor orders, nor the end") {
  if (const std::string why = CannotMount({"sshd", "sshfs", "ssh-keygen"}); !why.empty()) {
    WARN(why << ": not tested");
    return;
  }
  StartVips("test_shares");
  Line line;
  const fs::path nas = line.folder() / "mounted";
  Append(line.config(Part::kStudio),
         std::string(kShort) + "[[watch]]\npath = \"mounted\"\n[work]\nworkers = 2\n");
  SshShare share(line.folder() / "nas", nas);
  share.StartServer();
  REQUIRE(share.Mount());
  line.StartAll();
  PutPicture(line.watched() / "home/l0.jpg", 1);
  PutPicture(share.served() / "wedding/s0.jpg", 2);
  line.WaitForPhotos(2);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const auto photos = VisiblePhotos(line, session);

  // Both renderers and the lab's sender have business there when it stops answering.
  SetPaused(line, true);
  for (int i = 1; i <= 6; ++i) {
    PutPicture(share.served() / ("wedding/s" + std::to_string(i) + ".jpg"), 10 + i);
  }
  REQUIRE(WaitUntil([&] { return line.StudioStatus().waiting() == 6; }, seconds(30)));
  const std::vector<Wish> away = {WishFor(photos.at("s0.jpg"), share.served() / "wedding/s0.jpg")};
  const std::vector<Wish> here = {WishFor(photos.at("l0.jpg"), line.watched() / "home/l0.jpg")};
  const std::string waiting = PlaceOrder(line, session, "away", away).name();
  const std::string printed = PlaceOrder(line, session, "here", here).name();
  share.Freeze();
  PutPicture(line.watched() / "home/l1.jpg", 3);
  const auto begin = std::chrono::steady_clock::now();
  SetPaused(line, false);

  REQUIRE(WaitUntil([&] { return VisiblePhotos(line, session).contains("l1.jpg"); }, seconds(60)));
  const auto took = std::chrono::steady_clock::now() - begin;
  line.WaitForOrder(session, printed, v1::ORDER_STATE_COMPLETED, seconds(60));
  WARN("beside a share that hangs a local photo was visible after "
       << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  REQUIRE(
      WaitUntil([&] { return FolderMessage(line, 1).find("does not answer") != std::string::npos; },
                seconds(40)));
  // From now on nobody waits for it any more.
  const auto second = std::chrono::steady_clock::now();
  PutPicture(line.watched() / "home/l2.jpg", 4);
  REQUIRE(WaitUntil([&] { return VisiblePhotos(line, session).contains("l2.jpg"); }, seconds(30)));
  CHECK(std::chrono::steady_clock::now() - second < seconds(15));
  CHECK(StateOf(line, session, waiting) != v1::ORDER_STATE_COMPLETED);
  CHECK(line.StudioStatus().failed() == 0);

  SECTION("it answers again") {
    share.Thaw();
    line.WaitForPhotos(10, seconds(90));
    line.WaitForOrder(session, waiting, v1::ORDER_STATE_COMPLETED, seconds(90));
    std::vector<Wish> all = here;
    all.insert(all.end(), away.begin(), away.end());
    CHECK(JudgePages(line.Pages(), all) == "");
    CHECK(line.StudioStatus().failed() == 0);
  }
  SECTION("the daemon is told to end") {
    const auto told = std::chrono::steady_clock::now();
    CHECK(line.Stop(Part::kStudio) == 0);
    CHECK(std::chrono::steady_clock::now() - told < seconds(15));
    share.Thaw();
    line.Start(Part::kStudio);
    line.WaitForPhotos(10, seconds(90));
    line.WaitForOrder(session, waiting, v1::ORDER_STATE_COMPLETED, seconds(90));
  }
}

TEST_CASE("a share of another kind, mounted by rclone, is treated alike") {
  if (const std::string why = CannotMount({"rclone", "fusermount3"}); !why.empty()) {
    WARN(why << ": not tested");
    return;
  }
  StartVips("test_shares");
  Line line;
  Append(line.config(Part::kStudio), kShort);
  RcloneShare share(line.folder() / "cloud", line.watched());
  share.StartServer();
  REQUIRE(share.Mount());
  line.StartAll();
  for (int i = 0; i < 3; ++i) {
    PutPicture(share.served() / ("shoot/" + std::to_string(i) + ".jpg"), 40 + i);
  }
  line.WaitForPhotos(3);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const auto now = Names(line, session);
  REQUIRE(now.size() == 3);
  const std::int64_t sent = line.StudioStatus().sent_bytes();
  share.KillServer();
  CHECK_FALSE(WaitUntil([&] { return Names(line, session) != now; }, seconds(6)));
  // Until then the port may be somebody else's, who takes his time to say nothing.
  CHECK(WaitUntil([&] { return !FolderMessage(line, 0).empty(); }, seconds(40)));
  share.StartServer();
  CHECK(WaitUntil([&] { return FolderMessage(line, 0).empty(); }, seconds(40)));
  fs::remove(share.served() / "shoot/1.jpg");
  REQUIRE(WaitUntil([&] { return Names(line, session).size() == 2; }, seconds(40)));
  CHECK(line.StudioStatus().sent_bytes() - sent < 2'000);
}

}  // namespace proofline::test
