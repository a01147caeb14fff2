// The whole line in one temporary folder: the three daemons and a photo printer, as real programs.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proofline/v1/admin_service.grpc.pb.h"
#include "proofline/v1/lab_control_service.grpc.pb.h"
#include "proofline/v1/storefront_service.grpc.pb.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "test/process.h"
#include "test/temp_dir.h"

namespace proofline::test {

enum class Part { kHost, kLab, kPrinter, kStudio };

// A studio "demo" with one device "desk", one watched folder, a lab "lab" with a real IPP printer
// (ippeveprinter), everything over TLS with a certificate made for the test. Ports are free ones
// outside the range that the kernel hands out, so that a part finds its port free again after a
// restart. Not thread-safe. Failures throw std::runtime_error with what the part printed.
class Line {
 public:
  Line();
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // Starts a part and returns when it is ready for work.
  void Start(Part part);
  // Everything in the order that the line needs; makes the studio and its device at the host.
  void StartAll();
  // Makes the studio and its device at the running host.
  void EnrolDevice();
  // Asks a part to end (SIGTERM) and returns its exit code.
  int Stop(Part part);
  // kill -9.
  void Kill(Part part);
  bool running(Part part);
  pid_t pid(Part part) const { return parts_.at(part).process->pid(); }
  // Variables for the part's next start, e.g. PROOFLINE_KILL_POINT=…
  void SetEnvironment(Part part, std::vector<std::string> environment);
  // Waits until the part has ended by itself.
  int WaitForEnd(Part part, std::chrono::seconds limit);

  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path watched() const { return folder_ / "watched"; }
  std::filesystem::path state(Part part) const;
  std::filesystem::path config(Part part) const;
  // What the printer has received, by the name of its print job. Reads the printer's spool.
  std::vector<std::filesystem::path> Pages() const;
  // What a part has printed on its standard error.
  std::string Log(Part part) const;

  std::unique_ptr<v1::AdminService::Stub> Admin() const;
  std::unique_ptr<v1::StudioControlService::Stub> Studio() const;
  std::unique_ptr<v1::LabControlService::Stub> Lab() const;
  // As the customer with this session; empty before signing in.
  std::unique_ptr<v1::StorefrontService::Stub> Storefront(const std::string& session = "") const;

  // A customer that these galleries are shared with; its session.
  std::string SignInWithGalleries(const std::vector<std::string>& galleries) const;

  v1::GetStudioStatusResponse StudioStatus() const;
  // Waits until the studio daemon has nothing to settle, render or send, and has seen `photos`
  // photos in all.
  v1::GetStudioStatusResponse WaitForPhotos(
      int64_t photos, std::chrono::seconds limit = std::chrono::seconds(180)) const;
  // Waits until the order has this state.
  v1::Order WaitForOrder(const std::string& session, const std::string& order, v1::OrderState state,
                         std::chrono::seconds limit = std::chrono::seconds(120)) const;

  std::string storefront_address() const;
  std::filesystem::path certificate() const { return folder_ / "certificate.pem"; }

 private:
  struct PartState {
    std::optional<Process> process;
    std::vector<std::string> environment;
  };

  void MakeCertificate();
  void WriteConfigs();
  void StartMessageBus();
  void AwaitReady(Part part);
  std::filesystem::path bus_socket() const { return folder_ / "bus"; }
  std::string ControlAddress(Part part) const;

  TempDir folder_;
  std::optional<Process> bus_;
  std::map<Part, PartState> parts_;
  int sync_port_;
  int storefront_port_;
  int intake_port_;
  int printer_port_;
};

// Looks again and again, with short waits, until `done()`; false when `limit` has passed.
bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit);

// A port on the loopback address that nothing listens on, outside the range of ports the kernel
// hands out.
int FreePort();

}  // namespace proofline::test
