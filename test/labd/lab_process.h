// The real lab daemon, driven over its real services.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/digest.h"
#include "lib/base/sanitized.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"
#include "proofline/v1/lab_control_service.grpc.pb.h"
#include "proofline/v1/lab_intake_service.grpc.pb.h"
#include "test/labd/printer_process.h"
#include "test/process.h"

namespace proofline::test {

namespace pb = proofline::v1;

// An uncompressed TIFF of a gradient, which no two sizes or tints have in common.
inline std::string Picture(int width, int height, int tint = 0) {
  const auto put = [](std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  const auto pixel_bytes = static_cast<std::uint32_t>(width * height * 3);
  struct Entry {
    std::uint32_t tag, type, count, value;
  };
  const Entry entries[] = {{256, 4, 1, static_cast<std::uint32_t>(width)},
                           {257, 4, 1, static_cast<std::uint32_t>(height)},
                           {258, 3, 3, 8 + pixel_bytes},
                           {259, 3, 1, 1},
                           {262, 3, 1, 2},
                           {273, 4, 1, 8},
                           {277, 3, 1, 3},
                           {278, 4, 1, static_cast<std::uint32_t>(height)},
                           {279, 4, 1, pixel_bytes}};
  std::string out = "II*";
  out += '\0';
  put(out, 8 + pixel_bytes + 6, 4);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      put(out, static_cast<std::uint32_t>(x * 255 / width), 1);
      put(out, static_cast<std::uint32_t>(y * 255 / height), 1);
      put(out, static_cast<std::uint32_t>(tint), 1);
    }
  }
  for (int i = 0; i < 3; ++i) put(out, 8, 2);
  put(out, std::size(entries), 2);
  for (const Entry& entry : entries) {
    put(out, entry.tag, 2);
    put(out, entry.type, 2);
    put(out, entry.count, 4);
    put(out, entry.value, 4);
  }
  put(out, 0, 4);
  return out;
}

// A lab in a folder of the test's, with the studios `demo` and `other`. Started and killed at will;
// what is in the folder stays.
class LabProcess {
 public:
  // `parts`: the [[printer]] and [[product]] tables of the configuration.
  LabProcess(std::filesystem::path folder, const std::string& parts, const std::string& top = "")
      : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    for (const char* studio : {"demo", "other"}) {
      const std::filesystem::path key = folder_ / (std::string(studio) + ".key");
      std::ofstream(key) << Key(studio) << '\n';
      std::filesystem::permissions(key, std::filesystem::perms::owner_read);
    }
    std::ofstream(folder_ / "lab.toml")
        << "state = \"state\"\ninsecure = true\n"
        << top << "lab.id = \"photo-lab\"\nlab.name = \"Photo Lab\"\n"
        << "intake.address = \"127.0.0.1:0\"\nimaging.workers = 2\n"
        << "[[studio]]\nid = \"demo\"\nkey_file = \"demo.key\"\n"
        << "[[studio]]\nid = \"other\"\nkey_file = \"other.key\"\n"
        << parts;
  }

  static std::string Key(const std::string& studio) { return studio + ".secret-of-" + studio; }
  std::filesystem::path state() const { return folder_ / "state"; }
  std::string log() const { return ReadText(folder_ / "log"); }

  // Starts the daemon, which dies at `kill_point` if one is given. Returns when it serves, or when
  // it has died.
  void Start(const std::string& kill_point = "") {
    std::filesystem::remove(state() / "endpoints.json");
    process_ = std::make_unique<Process>(
        Process::Options{{std::string(PROOFLINE_PROGRAMS) + "/proofline-labd", "--config",
                          (folder_ / "lab.toml").string()},
                         folder_ / "log",
                         {"PROOFLINE_KILL_POINT=" + kill_point}});
    const bool up = Eventually([this] {
      return std::filesystem::exists(state() / "endpoints.json") || !process_->running();
    });
    if (!up) throw std::runtime_error("the lab does not start: " + log());
    const auto endpoints = rpc::ReadEndpoints(state());
    if (!endpoints.ok()) return;
    intake_address_ = endpoints->at("intake");
    control_ = pb::LabControlService::NewStub(Channel(endpoints->at("control"), ""));
    intake_ = Intake(Key("demo"));
  }
  Process& process() { return *process_; }
  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait(std::chrono::seconds(10));
  }
  // SIGTERM; the exit code.
  int Stop() {
    process_->Signal(SIGTERM);
    return process_->Wait(std::chrono::seconds(20)).value_or(-1);
  }

  std::unique_ptr<pb::LabIntakeService::Stub> Intake(const std::string& key) const {
    return pb::LabIntakeService::NewStub(Channel(intake_address_, key));
  }
  pb::LabIntakeService::Stub& intake() { return *intake_; }
  pb::LabControlService::Stub& control() { return *control_; }

  // One item for each picture, line numbers from 1.
  static pb::CreateJobRequest Request(const std::string& order,
                                      const std::vector<std::string>& pictures,
                                      const std::string& product = "p4x6", int quantity = 1) {
    pb::CreateJobRequest request;
    request.mutable_job()->set_order("studios/demo/orders/" + order);
    request.mutable_job()->set_device("studios/demo/devices/desk");
    int line = 0;
    for (const std::string& picture : pictures) {
      pb::Item& item = *request.mutable_job()->add_items();
      item.set_line_number(++line);
      item.set_product("labs/photo-lab/products/" + product);
      item.set_quantity(quantity);
      item.set_original_digest(std::string(base::Sha256Of(picture).bytes()));
      item.set_original_size_bytes(static_cast<std::int64_t>(picture.size()));
    }
    return request;
  }

  grpc::Status Create(const pb::CreateJobRequest& request, pb::Job& job) {
    grpc::ClientContext context;
    Limit(context);
    return intake_->CreateJob(&context, request, &job);
  }

  struct UploadEnd {
    grpc::Status status;
    bool complete = false;
    std::int64_t committed = 0;
    std::int64_t sent = 0;
  };
  // Sends a picture from where the lab says, in chunks; breaks the stream when `break_after` bytes
  // have been sent. `claimed`: the picture that is announced, if not the one that is sent.
  UploadEnd Upload(const std::string& job, const std::string& picture,
                   std::int64_t break_after = -1, const std::string* claimed = nullptr,
                   std::size_t chunk = 64 << 10) {
    const std::string& announced = claimed != nullptr ? *claimed : picture;
    UploadEnd end;
    grpc::ClientContext context;
    Limit(context);
    const auto stream = intake_->UploadOriginal(&context);
    pb::UploadOriginalRequest request;
    request.mutable_start()->set_job(job);
    request.mutable_start()->set_digest(std::string(base::Sha256Of(announced).bytes()));
    request.mutable_start()->set_size_bytes(static_cast<std::int64_t>(announced.size()));
    pb::UploadOriginalResponse response;
    if (stream->Write(request) && stream->Read(&response)) {
      end.committed = response.committed_bytes();
      end.complete = response.complete();
      std::size_t at = static_cast<std::size_t>(response.committed_bytes());
      while (at < picture.size() && !end.complete) {
        if (break_after >= 0 && end.sent >= break_after) {
          context.TryCancel();
          break;
        }
        const std::size_t piece = std::min(chunk, picture.size() - at);
        request.mutable_chunk()->set_offset(static_cast<std::int64_t>(at));
        request.mutable_chunk()->set_data(picture.substr(at, piece));
        if (!stream->Write(request)) break;
        at += piece;
        end.sent += static_cast<std::int64_t>(piece);
      }
      while (stream->Read(&response)) {
        end.committed = response.committed_bytes();
        end.complete = end.complete || response.complete();
      }
    }
    end.status = stream->Finish();
    return end;
  }

  grpc::Status Close(const std::string& name, pb::Job& job) {
    grpc::ClientContext context;
    Limit(context);
    pb::CloseJobRequest request;
    request.set_name(name);
    return intake_->CloseJob(&context, request, &job);
  }

  // Creates, uploads and closes. As far as it gets: the lab may die on the way.
  std::string Bring(const pb::CreateJobRequest& request, const std::vector<std::string>& pictures) {
    pb::Job job;
    if (!Create(request, job).ok()) return "";
    for (const std::string& picture : pictures) Upload(job.name(), picture);
    pb::Job closed;
    Close(job.name(), closed);
    return job.name();
  }

  pb::Job Get(const std::string& name) {
    grpc::ClientContext context;
    Limit(context);
    pb::GetLabJobRequest request;
    request.set_name(name);
    pb::Job job;
    control_->GetLabJob(&context, request, &job);
    return job;
  }

  // Follows the operator's feed until the job is as wanted; the job then, or as it was last.
  pb::Job WaitUntil(const std::string& name, const std::function<bool(const pb::Job&)>& wanted,
                    std::chrono::seconds limit = std::chrono::seconds(60)) {
    grpc::ClientContext context;
    Limit(context, limit);
    const auto stream = control_->WatchJobs(&context, pb::WatchJobsRequest());
    pb::WatchJobsResponse response;
    pb::Job last;
    while (stream->Read(&response)) {
      if (!response.has_job() || response.job().name() != name) continue;
      last = response.job();
      if (wanted(last)) break;
    }
    context.TryCancel();
    return last;
  }
  pb::Job WaitForState(const std::string& name, pb::JobState state) {
    return WaitUntil(name, [state](const pb::Job& job) { return job.state() == state; });
  }

  std::vector<pb::Printer> Printers() {
    grpc::ClientContext context;
    Limit(context);
    pb::ListPrintersResponse response;
    control_->ListPrinters(&context, pb::ListPrintersRequest(), &response);
    return {response.printers().begin(), response.printers().end()};
  }

  // One of the operator's calls on a job or an item, e.g. &Stub::HoldJob.
  template <typename Request>
  grpc::Status Operate(grpc::Status (pb::LabControlService::Stub::*call)(grpc::ClientContext*,
                                                                         const Request&, pb::Job*),
                       const std::string& name, pb::Job* result = nullptr) {
    grpc::ClientContext context;
    Limit(context);
    Request request;
    request.set_name(name);
    pb::Job job;
    return ((*control_).*call)(&context, request, result != nullptr ? result : &job);
  }

  static void Limit(grpc::ClientContext& context,
                    std::chrono::seconds limit = std::chrono::seconds(30)) {
    rpc::WithDeadline(context, limit * (base::kSanitized ? 5 : 1));
  }

 private:
  static std::shared_ptr<grpc::Channel> Channel(const std::string& address,
                                                const std::string& key) {
    rpc::ChannelOptions options;
    options.address = address;
    options.bearer_token = key;
    auto channel = rpc::MakeChannel(options);
    if (!channel.ok()) throw std::runtime_error(std::string(channel.status().message()));
    // As every client of a lab: a first attempt to connect that fails is followed by another. A lab
    // that is to die may be dead already: then the calls say so.
    (*channel)->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
    return *std::move(channel);
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Process> process_;
  std::string intake_address_;
  std::unique_ptr<pb::LabIntakeService::Stub> intake_;
  std::unique_ptr<pb::LabControlService::Stub> control_;
};

}  // namespace proofline::test
