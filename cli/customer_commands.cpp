// proofline customer …: signing in and looking.
#include <filesystem>

#include "cli/customer_verbs.h"
#include "cli/exit_code.h"
#include "cli/list.h"
#include "cli/names.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StorefrontService::Stub;
using base::Concat;
using Target = std::shared_ptr<CustomerTarget>;

constexpr int kPageSize = 1000;

struct SignInFlags {
  std::string identifier;
  std::string host;
  std::string ca_file;
  bool insecure = false;
};

absl::Status SignIn(Program& program, const CustomerTarget& target, const SignInFlags& flags) {
  v1::SignInRequest request;
  request.set_identifier(flags.identifier);
  if (flags.identifier == "-") {
    std::string line;
    if (!std::getline(program.in, line) || line.empty()) {
      return UsageError("no identifier came on standard input");
    }
    request.set_identifier(line);
  }
  Session session;
  session.host = flags.host;
  session.insecure = flags.insecure;
  if (!flags.ca_file.empty()) session.ca_file = std::filesystem::absolute(flags.ca_file);
  const auto connection = DialHostOf(program, session);
  if (!connection.ok()) return connection.status();
  auto response = StoreClient(*connection).Call(&Stub::SignIn, request);
  if (!response.ok()) return response.status();
  session.session_token = response->session_token();
  session.customer = response->customer().name();
  session.expire_time = LocalTime(response->expire_time());
  absl::Status status = WriteSession(target.session_file, session);
  if (!status.ok()) return status;
  // The token stays in the session file: output ends up in logs.
  response->clear_session_token();
  const std::string& name = response->customer().display_name();
  std::string text = Concat("signed in as ", name.empty() ? session.customer : name);
  if (!session.expire_time.empty()) text += Concat(" until ", session.expire_time);
  program.output.Done(*response, text);
  return absl::OkStatus();
}

absl::Status SignOut(Program& program, const CustomerTarget& target) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const auto response =
      StoreClient(signed_in->connection).Call(&Stub::SignOut, v1::SignOutRequest());
  // A session that the host no longer knows is over already.
  if (!response.ok() && !absl::IsUnauthenticated(response.status())) return response.status();
  if (absl::Status status = RemoveSession(target.session_file); !status.ok()) return status;
  program.output.Done(v1::SignOutResponse(), "signed out");
  return absl::OkStatus();
}

absl::Status ListGalleries(Program& program, const CustomerTarget& target) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  v1::ListGalleriesRequest request;
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, StoreClient(signed_in->connection), &Stub::ListGalleries, request,
      &v1::ListGalleriesResponse::galleries, Table({"GALLERY", "TITLE", ">PHOTOS", "UPDATED"}),
      [](const v1::Gallery& gallery) {
        return std::vector<std::string>{LastId(gallery.name()), gallery.title(),
                                        std::to_string(gallery.photo_count()),
                                        LocalTime(gallery.update_time())};
      },
      "no galleries are shared with you");
}

absl::Status ListPhotos(Program& program, const CustomerTarget& target, const std::string& text) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const StoreClient client(signed_in->connection);
  const auto gallery = StoreNames(client, signed_in->studio).Gallery(text);
  if (!gallery.ok()) return gallery.status();
  v1::ListPhotosRequest request;
  request.set_parent(*gallery);
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, client, &Stub::ListPhotos, request, &v1::ListPhotosResponse::photos,
      Table({"PHOTO", "FILE", ">WIDTH", ">HEIGHT", "TAKEN", "TITLE"}),
      [](const v1::Photo& photo) {
        return std::vector<std::string>{ShortName(photo.name(), 1),
                                        photo.file_name(),
                                        std::to_string(photo.edited_width_px()),
                                        std::to_string(photo.edited_height_px()),
                                        CaptureTime(photo.metadata()),
                                        photo.metadata().title()};
      },
      "no photos of this gallery are shared with you");
}

std::string PaperText(const v1::Product& product) {
  return Concat(NumberText(product.paper_width_um() / 1000.0), " x ",
                NumberText(product.paper_height_um() / 1000.0), " mm");
}

absl::Status ListProducts(Program& program, const CustomerTarget& target) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  v1::ListProductsRequest request;
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, StoreClient(signed_in->connection), &Stub::ListProducts, request,
      &v1::ListProductsResponse::products,
      Table({"PRODUCT", "NAME", "PAPER", ">WIDTH", ">HEIGHT", "SURFACE", "PRICE"}),
      [](const v1::Product& product) {
        return std::vector<std::string>{ShortName(product.name(), 1),
                                        product.display_name(),
                                        PaperText(product),
                                        std::to_string(product.width_px()),
                                        std::to_string(product.height_px()),
                                        product.surface(),
                                        product.price_text()};
      },
      "no lab has told this studio yet what it makes");
}

void AddSessionVerbs(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<SignInFlags>();
  CLI::App* sign_in =
      AddVerb(group, program, "sign-in", "Sign in with a customer identifier",
              "proofline customer sign-in 7K3M-09QX-T4ZD-5WPA --host photos.example:7420",
              [&program, target, flags] { return SignIn(program, *target, *flags); });
  sign_in
      ->add_option("identifier", flags->identifier,
                   "The identifier; - reads it from standard input")
      ->required();
  sign_in->add_option("--host", flags->host, "The host's address")
      ->required()
      ->type_name("ADDRESS:PORT");
  CLI::Option* insecure = sign_in->add_flag("--insecure", flags->insecure,
                                            "Plain text instead of TLS; for trying things out");
  sign_in
      ->add_option("--ca", flags->ca_file,
                   "Certificate authorities to trust (PEM), instead of the system's")
      ->excludes(insecure);
  AddVerb(group, program, "sign-out", "End the session", "proofline customer sign-out",
          [&program, target] { return SignOut(program, *target); });
}

void AddLookVerbs(CLI::App& group, Program& program, const Target& target) {
  AddVerb(group, program, "galleries", "List the galleries that are shared with you",
          "proofline customer galleries",
          [&program, target] { return ListGalleries(program, *target); });
  auto gallery = std::make_shared<std::string>();
  AddVerb(group, program, "photos", "List the photos of a gallery",
          "proofline customer photos summer-1f2e3d4c",
          [&program, target, gallery] { return ListPhotos(program, *target, *gallery); })
      ->add_option("gallery", *gallery, "Identifier, name or exact title")
      ->required();
  AddVerb(group, program, "products", "List what can be ordered", "proofline customer products",
          [&program, target] { return ListProducts(program, *target); });
}

}  // namespace

absl::StatusOr<Connection> DialHostOf(const Program& program, const Session& session) {
  rpc::ChannelOptions options;
  options.address = session.host;
  options.bearer_token = session.session_token;
  // A page of renditions is larger than any other answer.
  options.max_receive_bytes = 64 << 20;
  if (session.insecure) {
    options.insecure_allowed = true;
  } else {
    options.tls.emplace();
    options.tls->ca_file = session.ca_file;
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = rpc::MakeChannel(options);
  if (absl::IsInvalidArgument(channel.status())) {
    return UsageError(std::string(base::ToStd(channel.status().message())));
  }
  if (!channel.ok()) return channel.status();
  return Connection{*std::move(channel), "the host at " + session.host,
                    session.insecure
                        ? "check the address, and whether the host speaks TLS (then: no --insecure)"
                        : "check the address, and whether the host's certificate is trusted (--ca)",
                    program.call_timeout()};
}

absl::StatusOr<SignedIn> OpenSession(const Program& program, const CustomerTarget& target) {
  SignedIn signed_in;
  absl::StatusOr<Session> session = ReadSession(target.session_file);
  if (!session.ok()) return session.status();
  signed_in.session = *std::move(session);
  absl::StatusOr<Connection> connection = DialHostOf(program, signed_in.session);
  if (!connection.ok()) return connection.status();
  signed_in.connection = *std::move(connection);
  signed_in.studio = StudioOf(signed_in.session.customer);
  return signed_in;
}

void AddCustomerCommands(CLI::App& root, Program& program) {
  CLI::App* group = AddGroup(root, "customer", "Look and order, as a customer does");
  auto target = std::make_shared<CustomerTarget>();
  target->session_file = DefaultSessionFile();
  group
      ->add_option("--session", target->session_file,
                   "Where the session is kept (or environment variable PROOFLINE_SESSION)")
      ->capture_default_str()
      ->type_name("FILE");
  AddSessionVerbs(*group, program, target);
  AddLookVerbs(*group, program, target);
  AddFetchVerb(*group, program, target);
  AddCustomerOrderVerbs(*group, program, target);
}

}  // namespace proofline::cli
