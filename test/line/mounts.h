// Network shares and cards as people use them: real servers, images and mounts in a temporary
// folder.
#pragma once

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>
#include <vips/vips8>

#include "test/line/line.h"
#include "test/process.h"

namespace proofline::test {

namespace fs = std::filesystem;

inline bool IsProgram(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Why this machine cannot mount with these programs; empty if it can.
inline std::string CannotMount(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (!IsProgram(program)) return program + " is not installed";
  }
  const int fuse = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse < 0) return "this user may not use FUSE";
  ::close(fuse);
  return ::geteuid() == 0 ? "" : "this user may not mount";
}

inline bool IsMountPoint(const fs::path& folder) {
  struct stat its {};
  struct stat above {};
  return ::stat(folder.c_str(), &its) == 0 && ::stat(folder.parent_path().c_str(), &above) == 0 &&
         its.st_dev != above.st_dev;
}

inline bool RunOk(std::vector<std::string> arguments) {
  Process process({std::move(arguments), {}, {}});
  return process.Wait(std::chrono::seconds(30)) == 0;
}

// A process with everything it has started.
inline std::vector<pid_t> Family(pid_t first) {
  std::vector<pid_t> family{first};
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string stat = ReadText(entry.path() / "stat");
      const std::size_t end = stat.rfind(')');
      if (end == std::string::npos) continue;
      std::istringstream fields(stat.substr(end + 1));
      std::string state;
      pid_t parent = 0;
      fields >> state >> parent;
      if (parent == family[i]) family.push_back(std::stoi(name));
    }
  }
  return family;
}

// A small picture that differs from all others with another `shade`; complete when it appears.
inline void PutPicture(const fs::path& file, int shade, int width = 600, int height = 400) {
  fs::create_directories(file.parent_path());
  vips::VImage image =
      vips::VImage::black(width, height, vips::VImage::option()->set("bands", 3)).copy_memory();
  for (int i = 0; i < 12; ++i) {
    const double ink = (shade * 37 + i * 19) % 256;
    image.draw_rect({ink, 255 - ink, static_cast<double>((shade * 11 + i) % 256)}, i * width / 12,
                    (i * shade) % height, width / 12, height / 2,
                    vips::VImage::option()->set("fill", true));
  }
  const fs::path made = fs::temp_directory_path() / ("picture-" + std::to_string(::getpid()) + "-" +
                                                     std::to_string(shade) + ".jpg");
  image.copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .jpegsave(made.c_str(), vips::VImage::option()->set("Q", 90));
  // Not every mounted file system can do more than write.
  std::ofstream(file, std::ios::binary | std::ios::trunc) << ReadText(made);
  fs::remove(made);
}

// A folder that sshd serves, mounted with sshfs.
class SshShare {
 public:
  SshShare(fs::path scratch, fs::path mount_point, std::vector<std::string> options = {})
      : scratch_(std::move(scratch)), mount_point_(std::move(mount_point)), options_(options) {
    fs::create_directories(served());
    fs::create_directories(mount_point_);
    for (const char* key : {"host", "user"}) {
      RunOk({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch_ / key});
    }
    if (::geteuid() == 0) fs::create_directories("/run/sshd");
    fs::copy_file(scratch_ / "user.pub", scratch_ / "authorized");
    port_ = std::to_string(FreePort());
    std::ofstream(scratch_ / "sshd.conf")
        << "Port " << port_ << "\nListenAddress 127.0.0.1\nHostKey " << (scratch_ / "host").string()
        << "\nAuthorizedKeysFile " << (scratch_ / "authorized").string()
        << "\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
           "PermitRootLogin yes\nSubsystem sftp internal-sftp\n";
  }
  ~SshShare() {
    Thaw();
    Unmount();
    KillServer();
  }
  SshShare(const SshShare&) = delete;
  SshShare& operator=(const SshShare&) = delete;

  // Where another machine works: nothing of that is heard here.
  fs::path served() const { return scratch_ / "served"; }
  void StartServer() {
    server_.emplace(Process::Options{
        {"/usr/sbin/sshd", "-D", "-e", "-f", scratch_ / "sshd.conf"}, scratch_ / "sshd.log", {}});
  }
  // As when the machine goes down.
  void KillServer() {
    if (!server_.has_value()) return;
    for (const pid_t pid : Family(server_->pid())) ::kill(pid, SIGKILL);
    server_->Wait(std::chrono::seconds(10));
    server_.reset();
  }
  bool Mount() {
    std::vector<std::string> words{"sshfs", "-f", "-p", port_};
    std::vector<std::string> options{"IdentityFile=" + (scratch_ / "user").string(),
                                     "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                                     "BatchMode=yes", "dcache_timeout=1"};
    options.insert(options.end(), options_.begin(), options_.end());
    for (const std::string& option : options) {
      words.insert(words.end(), {"-o", option});
    }
    words.insert(words.end(), {"127.0.0.1:" + served().string(), mount_point_});
    // The server may not listen yet.
    return WaitUntil(
        [&] {
          client_.emplace(Process::Options{words, scratch_ / "sshfs.log", {}});
          return WaitUntil([&] { return IsMountPoint(mount_point_) || !client_->running(); },
                           std::chrono::seconds(10)) &&
                 IsMountPoint(mount_point_);
        },
        std::chrono::seconds(30));
  }
  void Unmount() {
    ::umount2(mount_point_.c_str(), MNT_DETACH);
    client_.reset();
  }
  // Whoever asks for anything on the share waits, until it is thawed.
  void Freeze() const {
    if (client_.has_value()) client_->Signal(SIGSTOP);
  }
  void Thaw() const {
    if (client_.has_value()) client_->Signal(SIGCONT);
  }

 private:
  const fs::path scratch_;
  const fs::path mount_point_;
  const std::vector<std::string> options_;
  std::string port_;
  std::optional<Process> server_;
  std::optional<Process> client_;
};

// A folder that a WebDAV server serves, mounted with rclone.
class RcloneShare {
 public:
  RcloneShare(fs::path scratch, fs::path mount_point)
      : scratch_(std::move(scratch)), mount_point_(std::move(mount_point)) {
    fs::create_directories(served());
    fs::create_directories(mount_point_);
    std::ofstream(scratch_ / "rclone.conf") << "";
    address_ = "127.0.0.1:" + std::to_string(FreePort());
  }
  ~RcloneShare() {
    ::umount2(mount_point_.c_str(), MNT_DETACH);
    client_.reset();
    server_.reset();
  }
  RcloneShare(const RcloneShare&) = delete;
  RcloneShare& operator=(const RcloneShare&) = delete;

  fs::path served() const { return scratch_ / "served"; }
  void StartServer() {
    server_.emplace(
        Process::Options{{"rclone", "--config", scratch_ / "rclone.conf", "serve", "webdav",
                          served(), "--addr", address_, "--dir-cache-time", "200ms"},
                         scratch_ / "server.log",
                         {}});
  }
  void KillServer() { server_.reset(); }
  bool Mount() {
    client_.emplace(Process::Options{
        {"rclone", "--config", scratch_ / "rclone.conf", "mount", ":webdav:", mount_point_,
         "--webdav-url", "http://" + address_, "--dir-cache-time", "200ms", "--read-only",
         "--low-level-retries", "1", "--retries", "1", "--contimeout", "5s", "--timeout", "5s"},
        scratch_ / "client.log",
        {}});
    return WaitUntil([&] { return IsMountPoint(mount_point_); }, std::chrono::seconds(30));
  }

 private:
  const fs::path scratch_;
  const fs::path mount_point_;
  std::string address_;
  std::optional<Process> server_;
  std::optional<Process> client_;
};

// A memory card: an exFAT image in a loop device, mounted by exfat-fuse, or a FAT32 image that
// fusefat mounts.
class Card {
 public:
  enum class Kind { kExfat, kFat32 };
  Card(Kind kind, fs::path image, fs::path mount_point)
      : kind_(kind), image_(std::move(image)), mount_point_(std::move(mount_point)) {
    std::ofstream(image_) << "";
    fs::resize_file(image_, kind == Kind::kExfat ? 24 << 20 : 48 << 20);
    made_ = kind == Kind::kExfat ? RunOk({"mkfs.exfat", image_})
                                 : RunOk({"mkfs.fat", "-F", "32", image_});
    fs::create_directories(mount_point_);
  }
  ~Card() { Unplug(); }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  bool Plug() {
    if (!made_) return false;
    if (kind_ == Kind::kFat32) {
      client_.emplace(
          Process::Options{{"fusefat", "-f", "-o", "rw+,nonempty", image_, mount_point_}, {}, {}});
    } else {
      const RunResult attached = Run({"losetup", "-f", "--show", image_}, image_.parent_path());
      if (attached.exit_code != 0) return false;
      disk_ = attached.output.substr(0, attached.output.find('\n'));
      client_.emplace(Process::Options{
          {"mount.exfat-fuse", "-d", "-o", "noatime,nonempty", disk_, mount_point_}, {}, {}});
    }
    return WaitUntil([&] { return IsMountPoint(mount_point_) || !client_->running(); },
                     std::chrono::seconds(10)) &&
           IsMountPoint(mount_point_);
  }
  // Pulled out, also while files are open.
  void Unplug() {
    if (!client_.has_value()) return;
    ::umount2(mount_point_.c_str(), MNT_DETACH);
    // It ends by itself when nothing is open any more.
    client_->Wait(std::chrono::seconds(5));
    client_.reset();
    if (!disk_.empty()) RunOk({"losetup", "-d", disk_});
    disk_.clear();
  }

 private:
  const Kind kind_;
  const fs::path image_;
  const fs::path mount_point_;
  bool made_ = false;
  std::string disk_;
  std::optional<Process> client_;
};

}  // namespace proofline::test
