#include "cli/target.h"

#include <filesystem>
#include <vector>

#include "absl/time/time.h"
#include "cli/exit_code.h"
#include "cli/text.h"
#include "lib/base/text.h"
#include "lib/rpc/endpoints.h"

namespace proofline::cli {

using base::Concat;

absl::Status CheckText(const google::protobuf::Message& request) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *request.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(request, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(request, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        absl::Status inner =
            CheckText(field->is_repeated() ? reflection.GetRepeatedMessage(request, field, i)
                                           : reflection.GetMessage(request, field));
        if (!inner.ok()) return inner;
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string text = field->is_repeated()
                                     ? reflection.GetRepeatedString(request, field, i)
                                     : reflection.GetString(request, field);
        if (IsUtf8(text)) continue;
        return UsageError(Concat("\"", Printable(text),
                                 "\" is no UTF-8 text; a photo whose file is called so is named by "
                                 "its identifier (see: proofline studio list)"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Connection::Explain(const grpc::Status& status) const {
  const absl::Status said = rpc::FromGrpc(status);
  // What the daemon itself has said, with its reason, needs no words of ours.
  if (said.ok() || !rpc::ReasonOf(said).empty()) return said;
  switch (said.code()) {
    case absl::StatusCode::kUnavailable:
      return absl::UnavailableError(Concat(peer, " does not answer; ", hint));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(Concat(peer, " took longer than ",
                                                absl::FormatDuration(absl::FromChrono(timeout)),
                                                "; allow it more with --timeout"));
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(
          Concat(peer, " does not know this call; it is older than this program"));
    default:
      return absl::Status(said.code(), rpc::Describe(said, peer));
  }
}

absl::StatusOr<Connection> DialControl(const DaemonKind& daemon, const std::string& state,
                                       base::Duration timeout) {
  const std::string start = Concat("start it with: ", daemon.program, " --config FILE");
  const absl::StatusOr<rpc::Endpoints> endpoints = rpc::ReadEndpoints(state);
  if (absl::IsNotFound(endpoints.status())) {
    return absl::UnavailableError(Concat("the ", daemon.word, " daemon is not running on ", state,
                                         " (no endpoints.json there); ", start,
                                         ", or name its folder with --state"));
  }
  if (absl::IsPermissionDenied(endpoints.status())) {
    return absl::PermissionDeniedError(
        Concat("the state folder ", state, " of the ", daemon.word,
               " daemon is open to the daemon's own user alone; say it as that user: "
               "sudo -u USER proofline ",
               daemon.word, " …"));
  }
  if (!endpoints.ok()) return endpoints.status();
  const auto control = endpoints->find("control");
  if (control == endpoints->end()) {
    return absl::UnavailableError(Concat("endpoints.json in ", state, " names no control socket; ",
                                         "is it a folder of the ", daemon.word, " daemon?"));
  }
  rpc::ChannelOptions options;
  options.address = control->second;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = rpc::MakeChannel(options);
  if (!channel.ok()) return channel.status();
  return Connection{*std::move(channel),
                    Concat("the ", daemon.word, " daemon (", control->second, ")"),
                    Concat("it may have stopped; ", start), timeout};
}

}  // namespace proofline::cli
