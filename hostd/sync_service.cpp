#include "hostd/sync_service.h"

#include <spdlog/spdlog.h>

#include <cmath>
#include <set>
#include <utility>

#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/call.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr double kMicrometresPerInch = 25'400;
constexpr int kMaxProducts = 1'000;

std::string NameOf(const DeviceCaller& caller) {
  return rpc::MakeResourceName("studios/*/devices/*", {caller.studio, caller.device});
}

absl::Status BadLab(std::string_view what, std::string_view product = {}) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, what, "LAB_INVALID",
                    {{"product", std::string(product)}});
}

int Pixels(int micrometres, int pixels_per_inch) {
  return static_cast<int>(std::lround(micrometres / kMicrometresPerInch * pixels_per_inch));
}

absl::Status CheckProduct(pb::Product& product, const std::string& lab) {
  const auto ids = rpc::ParseResourceName("studios/*/labs/*/products/*", product.name());
  if (!ids.has_value() || product.name().substr(0, product.name().rfind("/products/")) != lab) {
    return BadLab(base::Concat("'", product.name(), "' is not the name of a product of ", lab),
                  product.name());
  }
  constexpr int kMostMicrometres = 10'000'000;
  const int shorter = std::min(product.paper_width_um(), product.paper_height_um());
  const int longer = std::max(product.paper_width_um(), product.paper_height_um());
  if (shorter < 1 || longer > kMostMicrometres) {
    return BadLab(base::Concat("the product ", product.name(),
                               " needs a paper with a width and a height of at most 10 m"),
                  product.name());
  }
  if (product.border_um() < 0 || product.border_um() > (shorter - 1) / 2) {
    return BadLab(base::Concat("the border of ", product.name(), " leaves no room for a picture"),
                  product.name());
  }
  if (product.pixels_per_inch() < 72 || product.pixels_per_inch() > 1'200) {
    return BadLab(base::Concat("the product ", product.name(),
                               " needs a resolution of 72 to 1200 pixels per inch"),
                  product.name());
  }
  if (product.width_px() < 1) {
    product.set_width_px(Pixels(product.paper_width_um(), product.pixels_per_inch()));
  }
  if (product.height_px() < 1) {
    product.set_height_px(Pixels(product.paper_height_um(), product.pixels_per_inch()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLab(pb::Lab& lab, std::string_view studio) {
  const auto ids = rpc::ParseResourceName("studios/*/labs/*", lab.name());
  if (!ids.has_value() || ids->at(0) != studio) {
    return BadLab(base::Concat("'", lab.name(), "' is not the name of a lab of the studio ", studio,
                               " (studios/", studio, "/labs/LAB)"));
  }
  if (lab.products_size() > kMaxProducts) {
    return BadLab(base::Concat("a lab has at most ", kMaxProducts, " products"));
  }
  std::set<std::string> names;
  for (pb::Product& product : *lab.mutable_products()) {
    if (absl::Status status = CheckProduct(product, lab.name()); !status.ok()) return status;
    if (!names.insert(product.name()).second) {
      return BadLab(base::Concat("the product ", product.name(), " stands there twice"),
                    product.name());
    }
  }
  return absl::OkStatus();
}

absl::Status SyncService::Admit(const DeviceCaller& caller,
                                const std::shared_ptr<rpc::Stream>& stream) {
  parts_.streams.Add(NameOf(caller), stream);
  // Again: it may have been revoked before the stream could be found.
  const auto found = parts_.store.FindDevice(caller.studio, caller.device);
  if (!found.ok()) return found.status();
  if (found->has_value() && !(*found)->device().revoked()) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kPermissionDenied,
                    base::Concat("the device ", caller.device,
                                 " was revoked; ask who runs the host for a new one"),
                    "DEVICE_REVOKED", {{"device", caller.device}});
}

absl::Status SyncService::AdmitPublisher(const DeviceCaller& caller,
                                         const std::shared_ptr<PublishStream::Stream>& stream) {
  std::shared_ptr<rpc::Stream> older;
  {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<rpc::Stream>& slot = publishers_[NameOf(caller)];
    older = slot.lock();
    slot = stream;
  }
  if (older != nullptr) {
    older->Finish(rpc::Error(absl::StatusCode::kAborted,
                             "a newer publish stream of this device has taken over; this one ends",
                             "STREAM_REPLACED"));
  }
  return Admit(caller, stream);
}

grpc::ServerBidiReactor<pb::PublishRequest, pb::PublishResponse>* SyncService::Publish(
    grpc::CallbackServerContext* context) {
  const absl::StatusOr<std::string> key = rpc::BearerToken(*context);
  auto publish = std::make_shared<PublishStream>(
      PublishStream::Parts{
          parts_.store, parts_.access, parts_.executor, parts_.metrics, parts_.window_bytes,
          [this](const DeviceCaller& caller, const std::shared_ptr<PublishStream::Stream>& stream) {
            return AdmitPublisher(caller, stream);
          },
          [this](const std::string& name) { parts_.streams.Finish(name, SessionEnded()); }},
      key.ok() ? *key : "");
  using Stream = PublishStream::Stream;
  auto stream =
      Stream::CreateUnread({.on_message =
                                [publish](Stream& at, pb::PublishRequest request) {
                                  publish->OnMessage(at, std::move(request));
                                },
                            .on_half_close = [publish](Stream& at) { publish->OnHalfClose(at); },
                            .on_room = [publish](Stream& at) { publish->OnRoom(at); },
                            .on_done = {}},
                           {}, context);
  absl::Status status = key.status();
  if (status.ok()) {
    // Nothing is taken in, however large, from somebody without a key.
    status = parts_.executor.Run([this, stream, key = *key] {
      const absl::Status known = parts_.access.CheckDevice(key).status();
      if (known.ok()) {
        stream->Continue();
      } else {
        stream->Finish(known);
      }
    });
  }
  if (!status.ok()) stream->Finish(status);
  return stream->reactor();
}

grpc::ServerWriteReactor<pb::OrderEvent>* SyncService::FollowDeviceOrders(
    grpc::CallbackServerContext* context, const pb::FollowDeviceOrdersRequest* request) {
  const absl::StatusOr<std::string> key = rpc::BearerToken(*context);
  return parts_.feed.Follow(
      context,
      [this, key, after = request->after_revision()](
          const std::shared_ptr<rpc::Stream>& stream) -> absl::StatusOr<Following> {
        if (!key.ok()) return key.status();
        const absl::StatusOr<DeviceCaller> caller = parts_.access.CheckDevice(*key);
        if (!caller.ok()) return caller.status();
        if (absl::Status admitted = Admit(*caller, stream); !admitted.ok()) return admitted;
        spdlog::info("device {}/{} follows its orders from revision {}", caller->studio,
                     caller->device, after);
        Following following;
        following.studio = caller->studio;
        following.feed = {"device", caller->device};
        following.after_revision = after;
        following.view = [name = NameOf(*caller)](const pb::Order& order) {
          return ForDevice(order, name);
        };
        following.allowed = [this, seen = *caller] {
          parts_.store.TouchDevice(seen.studio, seen.device);
          return absl::OkStatus();
        };
        return following;
      });
}

grpc::ServerUnaryReactor* SyncService::ReportProgress(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return AnswerDevice<pb::ReportProgressRequest, pb::ReportProgressResponse>(
      context, request, response,
      [this](const DeviceCaller& caller, const pb::ReportProgressRequest& asked) {
        return TakeProgress(caller, asked);
      });
}

absl::StatusOr<pb::ReportProgressResponse> SyncService::TakeProgress(
    const DeviceCaller& caller, const pb::ReportProgressRequest& report) {
  const absl::Status no_order =
      rpc::Error(absl::StatusCode::kNotFound,
                 base::Concat("there is no order ", report.order(),
                              " with a part of this device at ", report.lab()),
                 "ORDER_NOT_FOUND", {{"order", report.order()}, {"lab", report.lab()}});
  const auto ids = rpc::ParseResourceName("studios/*/orders/*", report.order());
  if (!ids.has_value() || ids->at(0) != caller.studio) return no_order;
  const google::protobuf::Timestamp now = parts_.access.Now();
  bool is_new_state = false;
  const absl::StatusOr<pb::Order> order = parts_.store.UpdateOrder(
      caller.studio, ids->at(1), [&](pb::Order& at) -> absl::StatusOr<bool> {
        const pb::OrderState before = at.state();
        absl::StatusOr<bool> changed = ApplyProgress(at, NameOf(caller), report, now);
        is_new_state = changed.ok() && at.state() != before;
        return changed;
      });
  if (absl::IsNotFound(order.status())) return no_order;
  if (!order.ok()) return order.status();
  parts_.metrics.progress_reports.Increment();
  if (is_new_state) {
    spdlog::info("order {} is {}", order->name(), pb::OrderState_Name(order->state()));
  }
  pb::ReportProgressResponse response;
  response.set_order_state(order->state());
  return response;
}

grpc::ServerUnaryReactor* SyncService::ReportLab(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return AnswerDevice<pb::ReportLabRequest, pb::ReportLabResponse>(
      context, request, response,
      [this](const DeviceCaller& caller, const pb::ReportLabRequest& asked) {
        return TakeLab(caller, asked);
      });
}

absl::StatusOr<pb::ReportLabResponse> SyncService::TakeLab(const DeviceCaller& caller,
                                                           const pb::ReportLabRequest& request) {
  pb::Lab lab = request.lab();
  if (absl::Status status = CheckLab(lab, caller.studio); !status.ok()) return status;
  if (absl::Status status = parts_.store.PutLab(lab); !status.ok()) return status;
  spdlog::info("device {}/{} reported {} with {} products", caller.studio, caller.device,
               lab.name(), lab.products_size());
  return pb::ReportLabResponse();
}

}  // namespace proofline::host
