// Methods of the API that this version does not have yet, refused by name.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/status.h"
#include "proofline/v1/enrolment_service.grpc.pb.h"

namespace proofline::host {

inline absl::Status NotServed(std::string_view method) {
  return rpc::Error(absl::StatusCode::kUnimplemented,
                    base::Concat(method, " is not served by this version of the host"),
                    "NOT_SERVED", {{"method", std::string(method)}});
}

// Devices get their keys from the host's administrator.
class EnrolmentService final : public proofline::v1::EnrolmentService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* context,
                                  const proofline::v1::EnrolRequest*,
                                  proofline::v1::EnrolResponse*) override {
    return rpc::Refuse(context, NotServed("Enrol"));
  }
  grpc::ServerUnaryReactor* RenewCertificate(grpc::CallbackServerContext* context,
                                             const proofline::v1::RenewCertificateRequest*,
                                             proofline::v1::RenewCertificateResponse*) override {
    return rpc::Refuse(context, NotServed("RenewCertificate"));
  }
};

}  // namespace proofline::host
