#include "test/hostd/test_host.h"

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::host::test {

namespace pb = proofline::v1;

namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const std::string& token) {
  rpc::ChannelOptions options;
  options.address = address;
  options.bearer_token = token;
  auto channel = rpc::MakeChannel(options);
  REQUIRE(channel.ok());
  // As every client of a host: a first attempt to connect that fails is followed by another.
  REQUIRE(
      (*channel)->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)));
  return *std::move(channel);
}

std::unique_ptr<rpc::Server> Serve(const std::string& address,
                                   const std::vector<grpc::Service*>& services) {
  rpc::ServerOptions options;
  options.addresses = {address};
  auto server = rpc::Server::Start(options, services);
  REQUIRE(server.ok());
  return *std::move(server);
}

}  // namespace

TestHost::TestHost(const std::filesystem::path& state, const Options& options)
    : clock_(base::RealClock()), metrics_(all_metrics_), executor_(4, 1024) {
  auto store = Store::Open(state / "store", std::uint64_t{8} << 20, clock_);
  REQUIRE(store.ok());
  store_ = *std::move(store);
  auto hasher = IdentifierHasher::Load(state / "identifier.key", *store_->HasIdentifiers());
  REQUIRE(hasher.ok());
  access_ = std::make_unique<Access>(*store_, clock_, *std::move(hasher), std::chrono::hours(1));
  feed_ = std::make_unique<OrderFeed>(*store_, executor_, metrics_, options.idle);
  sync_ = std::make_unique<SyncService>(SyncService::Parts{
      *store_, *access_, *feed_, streams_, executor_, metrics_, options.window_bytes});
  storefront_ = std::make_unique<StorefrontService>(
      StorefrontService::Parts{*store_, *access_, *feed_, streams_, executor_, metrics_});
  admin_ =
      std::make_unique<AdminService>(AdminService::Parts{*store_, *access_, streams_, executor_});
  servers_.push_back(Serve("127.0.0.1:0", {sync_.get(), &enrolment_}));
  servers_.push_back(Serve("127.0.0.1:0", {storefront_.get()}));
  servers_.push_back(Serve("unix:" + (state / "control.sock").string(), {admin_.get()}));
  admin_stub_ = pb::AdminService::NewStub(ChannelTo(servers_[2]->addresses().front(), ""));
}

TestHost::~TestHost() {
  streams_.FinishAll(absl::UnavailableError("the host is shutting down"));
  for (const auto& server : servers_) server->Drain(std::chrono::seconds(2));
  executor_.Stop();
}

std::unique_ptr<pb::SyncService::Stub> TestHost::Sync(const std::string& key) {
  return pb::SyncService::NewStub(ChannelTo(servers_[0]->addresses().front(), key));
}

std::unique_ptr<pb::StorefrontService::Stub> TestHost::Storefront(const std::string& token) {
  return pb::StorefrontService::NewStub(ChannelTo(servers_[1]->addresses().front(), token));
}

void TestHost::AddStudio(const std::string& id) {
  pb::CreateStudioRequest request;
  request.set_studio_id(id);
  pb::Studio studio;
  REQUIRE(Call(admin(), &pb::AdminService::Stub::CreateStudio, request, &studio).ok());
}

std::string TestHost::AddDevice(const std::string& studio, const std::string& id) {
  pb::CreateDeviceRequest request;
  request.set_parent("studios/" + studio);
  request.set_device_id(id);
  pb::CreateDeviceResponse response;
  REQUIRE(Call(admin(), &pb::AdminService::Stub::CreateDevice, request, &response).ok());
  return response.device_key();
}

pb::Customer TestHost::AddCustomer(const std::string& studio, const std::string& id,
                                   const pb::Share& share) {
  pb::CreateCustomerRequest request;
  request.set_parent("studios/" + studio);
  request.set_customer_id(id);
  *request.mutable_customer()->mutable_share() = share;
  pb::Customer customer;
  REQUIRE(Call(admin(), &pb::AdminService::Stub::CreateCustomer, request, &customer).ok());
  return customer;
}

std::unique_ptr<pb::StorefrontService::Stub> TestHost::SignIn(const pb::Customer& customer) {
  pb::SignInRequest request;
  request.set_identifier(customer.identifier());
  pb::SignInResponse response;
  const auto door = Storefront("");
  REQUIRE(Call(*door, &pb::StorefrontService::Stub::SignIn, request, &response).ok());
  return Storefront(response.session_token());
}

PublishClient::PublishClient(TestHost& host, const std::string& key, const std::string& catalog)
    : stub_(host.Sync(key)) {
  context_.set_wait_for_ready(true);
  stream_ = stub_->Publish(&context_);
  pb::PublishRequest open;
  open.mutable_open()->set_catalog_id(catalog);
  if (!stream_->Write(open))
    FAIL("the host ended the stream: " << stream_->Finish().error_message());
  pb::PublishResponse response;
  REQUIRE(stream_->Read(&response));
  REQUIRE(response.has_opened());
  opened_ = response.opened();
}

void PublishClient::Send(const std::vector<pb::PublishEntry>& entries) {
  pb::PublishRequest request;
  for (const pb::PublishEntry& entry : entries) *request.mutable_pack()->add_entries() = entry;
  REQUIRE(stream_->Write(request));
}

pb::PublishAcknowledgement PublishClient::Read() {
  pb::PublishResponse response;
  REQUIRE(stream_->Read(&response));
  REQUIRE(response.has_acknowledgement());
  return response.acknowledgement();
}

std::vector<pb::PublishRefusal> PublishClient::ReadUpTo(std::int64_t sequence) {
  std::vector<pb::PublishRefusal> refusals;
  while (true) {
    const pb::PublishAcknowledgement acknowledgement = Read();
    refusals.insert(refusals.end(), acknowledgement.refusals().begin(),
                    acknowledgement.refusals().end());
    if (acknowledgement.last_sequence() >= sequence) return refusals;
  }
}

grpc::Status PublishClient::Finish() {
  stream_->WritesDone();
  return WaitForEnd();
}

grpc::Status PublishClient::WaitForEnd() {
  pb::PublishResponse response;
  while (stream_->Read(&response)) {
  }
  return stream_->Finish();
}

std::string Reason(const grpc::Status& status) { return rpc::ReasonOf(rpc::FromGrpc(status)); }

pb::Share ShareOfGallery(const std::string& studio, const std::string& gallery) {
  pb::Share share;
  share.add_galleries("studios/" + studio + "/galleries/" + gallery);
  return share;
}

}  // namespace proofline::host::test
