// A real IPP printer for tests: OpenPrinting's ippeveprinter, with a system bus of its own.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/sanitized.h"
#include "test/process.h"

namespace proofline::test {

// Asks again and again, without hope: false when `done` has not become true within `limit`.
template <typename Done>
bool Eventually(const Done& done, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit * (base::kSanitized ? 5 : 1);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// What came out of the printer, or is coming.
struct PrintedPage {
  std::string job_name;
  int copies = 1;
  std::filesystem::path file;
};

// A printer on a free port of its own, ended with the object. Kill and Start again keep the port,
// as a printer that is switched off and on does; its jobs are forgotten then. Not thread-safe.
class PrinterProcess {
 public:
  // `folder`: an empty one of the test's. `attributes`: the printer's profile (ippeveprinter -a).
  PrinterProcess(std::filesystem::path folder, std::filesystem::path attributes)
      : folder_(std::move(folder)), attributes_(std::move(attributes)), port_(FreePort()) {
    std::filesystem::create_directories(folder_ / "spool");
    WriteCommand();
    // ippeveprinter wants to announce itself and needs a system bus for it, even for nothing.
    bus_ = std::make_unique<Process>(Process::Options{
        {"dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + BusAddress()},
        folder_ / "bus.log",
        {}});
    if (!Eventually([this] { return TakesConnections(folder_ / "bus"); })) {
      throw std::runtime_error("dbus-daemon does not start: " + ReadText(folder_ / "bus.log"));
    }
  }

  std::string uri() const { return "ipp://127.0.0.1:" + std::to_string(port_) + "/ipp/print"; }

  // Switches it on; returns when it answers.
  void Start() {
    printer_ = std::make_unique<Process>(
        Process::Options{{"ippeveprinter", "-k", "-d", (folder_ / "spool").string(), "-p",
                          std::to_string(port_), "-r", "off", "-n", "localhost", "-c",
                          (folder_ / "command").string(), "-a", attributes_.string(), "Photo"},
                         folder_ / "printer.log",
                         {"DBUS_SYSTEM_BUS_ADDRESS=" + BusAddress()}});
    if (!Eventually([this] { return Answers(); })) {
      throw std::runtime_error("ippeveprinter does not start: " +
                               ReadText(folder_ / "printer.log"));
    }
  }

  // Pulls the plug: SIGKILL.
  void Kill() {
    printer_->Signal(SIGKILL);
    printer_->Wait(std::chrono::seconds(10));
  }

  // While on, pages stay in the printer (at the beginning of printing), or are given up, or wait
  // for paper.
  void Stall(bool on) { Switch("stall", on); }
  void Fail(bool on) { Switch("fail", on); }
  void TakePaperOut(bool on) { Switch("no-paper", on); }

  // Pages that the printer has begun, in order, those it gave up or stalled with included.
  std::vector<PrintedPage> Pages() const {
    std::vector<PrintedPage> pages;
    std::istringstream lines(ReadText(folder_ / "pages.log"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      PrintedPage page;
      std::string file;
      words >> page.job_name >> page.copies >> file;
      page.file = file;
      pages.push_back(std::move(page));
    }
    return pages;
  }

 private:
  static int FreePort() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(fd);
    if (!bound) throw std::runtime_error("no port is free");
    return ntohs(address.sin_port);
  }

  bool Answers() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool up =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    return up;
  }

  std::string BusAddress() const { return "unix:path=" + (folder_ / "bus").string(); }

  void Switch(const char* name, bool on) {
    if (on) {
      std::ofstream(folder_ / name) << "on\n";
    } else {
      std::filesystem::remove(folder_ / name);
    }
  }

  // Stands for the print engine. It ends when the printer it belongs to has gone.
  void WriteCommand() const {
    const std::filesystem::path path = folder_ / "command";
    std::ofstream(path)
        << "#!/bin/sh\n"
           "dir='" +
               folder_.string() +
               "'\n"
               "echo \"$IPP_JOB_NAME ${IPP_COPIES:-1} $1\" >> \"$dir/pages.log\"\n"
               "if [ -e \"$dir/no-paper\" ]; then\n"
               "  echo 'STATE: +media-empty' >&2\n"
               "  while [ -e \"$dir/no-paper\" ] && kill -0 $PPID; do sleep 0.05; done\n"
               "  echo 'STATE: -media-empty' >&2\n"
               "fi\n"
               "while [ -e \"$dir/stall\" ] && kill -0 $PPID; do sleep 0.05; done\n"
               "[ ! -e \"$dir/fail\" ]\n";
    ::chmod(path.c_str(), 0755);
  }

  const std::filesystem::path folder_;
  const std::filesystem::path attributes_;
  const int port_;
  std::unique_ptr<Process> bus_;
  std::unique_ptr<Process> printer_;
};

// Width and height of a JPEG as its frame header says; nothing if there is none.
inline std::optional<std::pair<int, int>> JpegSize(const std::string& jpeg) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(jpeg[at]); };
  std::size_t at = 2;
  while (at + 9 < jpeg.size() && byte(at) == 0xFF) {
    const int marker = byte(at + 1);
    const bool frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      return std::pair(byte(at + 7) << 8 | byte(at + 8), byte(at + 5) << 8 | byte(at + 6));
    }
    at += 2U + static_cast<std::size_t>(byte(at + 2) << 8 | byte(at + 3));
  }
  return std::nullopt;
}

}  // namespace proofline::test
